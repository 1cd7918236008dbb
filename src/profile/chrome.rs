//! A profile as Chrome's trace events, which Perfetto reads too.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Clock, Profile, Span, Track};

/// Numbers of rows of a trace: a track has as many as threads worked for it.
const ROWS_PER_TRACK: usize = 1000;

impl Profile {
    /// Writes everything so far as JSON in the form of Chrome's trace events: a row per track and thread, times in
    /// microseconds. A dispatch has its operation, shape, arithmetic and bytes as arguments, and `clock`: `device`, or
    /// `host` where the device has no timestamps and its time is one that the host waited.
    ///
    /// # Errors
    /// Those of `into`.
    pub fn write_trace(&self, mut into: impl Write) -> io::Result<()> {
        let spans = self.spans();
        let mut rows: Vec<(Track, usize)> =
            spans.iter().map(|span| (span.track, span.thread)).collect();
        rows.sort_unstable();
        rows.dedup();
        let of_rows = rows.into_iter().flat_map(|row| names(row, &spans));
        writeln!(into, "{{\"displayTimeUnit\": \"ms\", \"traceEvents\": [")?;
        write!(
            into,
            "{}",
            json!({"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "wgformer"}})
        )?;
        for event in of_rows.chain(spans.iter().map(event)) {
            write!(into, ",\n{event}")?;
        }
        writeln!(into, "\n]}}")?;
        into.flush()
    }
}

/// What a row is called, and its place among the others.
fn names((track, thread): (Track, usize), spans: &[Span]) -> [Value; 2] {
    let by_host = |span: &Span| span.track == Track::Device && span.clock == Clock::Host;
    let name = match track {
        Track::Device if spans.iter().any(by_host) => "device (wall time)".to_owned(),
        Track::Device => "device".to_owned(),
        _ => format!("{}, thread {thread}", track.name()),
    };
    let row = row(track, thread);
    [
        json!({"ph": "M", "pid": 1, "tid": row, "name": "thread_name", "args": {"name": name}}),
        json!({"ph": "M", "pid": 1, "tid": row, "name": "thread_sort_index", "args": {"sort_index": row}}),
    ]
}

fn row(track: Track, thread: usize) -> usize {
    ROWS_PER_TRACK * (1 + track as usize) + thread
}

fn event(span: &Span) -> Value {
    let clock = match span.clock {
        Clock::Device => "device",
        Clock::Host => "host",
    };
    let mut arguments = json!({"clock": clock});
    if let Some(work) = &span.work {
        arguments = json!({
            "clock": clock,
            "operation": work.operation,
            "shape": work.shape,
            "flops": work.flops,
            "bytes": work.bytes,
        });
    }
    json!({
        "ph": "X",
        "pid": 1,
        "tid": row(span.track, span.thread),
        "cat": span.track.name(),
        "name": span.name,
        "ts": microseconds(span.start),
        "dur": microseconds(span.duration),
        "args": arguments,
    })
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_trace_names_its_rows_and_has_an_event_per_span() {
        let profile = Profile::new();
        profile.measure(Track::Encode, "a run", || ());
        std::thread::scope(|scope| {
            let own = profile.clone();
            scope.spawn(move || own.add_of_host(Track::Encode, "another", Instant::now()));
        });
        let work = crate::profile::Work {
            operation: "linear",
            shape: "[tokens, 4]".to_owned(),
            flops: 8.0,
            bytes: 16.0,
        };
        let [start, duration] = [3, 2].map(Duration::from_micros);
        profile.add_dispatch(
            "linear_small".to_owned(),
            start,
            duration,
            Clock::Host,
            work,
        );
        let mut trace = Vec::new();
        profile.write_trace(&mut trace).unwrap();
        let trace: Value = serde_json::from_slice(&trace).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let named = |name: &str| {
            let mut names = events.iter().filter(|it| it["name"] == "thread_name");
            let row = names.find(|it| it["args"]["name"] == name);
            row.unwrap_or_else(|| panic!("{events:?}"))["tid"].clone()
        };
        let rows = ["device (wall time)", "encode, thread 0", "encode, thread 1"].map(named);
        let of_row = |row: &Value| {
            let mut spans = events.iter().filter(|it| it["ph"] == "X");
            spans.find(|it| it["tid"] == *row).unwrap()
        };
        let [dispatch, first, second] = rows.each_ref().map(of_row);
        assert_eq!(dispatch["ts"], 3.0);
        assert_eq!(dispatch["dur"], 2.0);
        assert_eq!(dispatch["args"]["flops"], 8.0);
        assert_eq!(dispatch["args"]["clock"], "host");
        assert_eq!(first["name"], "a run");
        assert_eq!(second["name"], "another");
    }
}
