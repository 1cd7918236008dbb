//! `--trace` and `--profile`: what took how long, as a trace to look at and as a table.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::Args;
use wgformer::profile::{Clock, KernelTime, Profile, Track};

use crate::Usage;
use crate::numbers::{percent, rate, seconds, table};
use crate::output::{Given, Output, check_is_not};

#[derive(Args)]
pub(crate) struct ProfileArgs {
    /// Write what the device and each of the host's threads did when, as Chrome's trace events, for ui.perfetto.dev or
    /// chrome://tracing; the results stay the same, and take longer.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print on standard error what each kernel took, and the host; the results stay the same, and take longer.
    #[arg(long)]
    profile: bool,
}

/// What is collected, and what becomes of it.
pub(crate) struct Profiling {
    profile: Option<Profile>,
    trace: Option<Output>,
    prints: bool,
    began: Instant,
}

impl ProfileArgs {
    /// `input`: where texts come from; `output`: where the data goes.
    ///
    /// # Errors
    /// If the trace would take the place of one.
    pub(crate) fn check(&self, input: Given<'_>, output: Given<'_>) -> Result<()> {
        let stdout = Path::new("-");
        let trace = self.trace.as_deref();
        if trace == Some(output.1.unwrap_or(stdout)) {
            let message = "--trace and --output are the same file: name two";
            return Err(Usage(message).into());
        }
        check_is_not(input, ("--trace", trace))?;
        check_is_not(output, ("--trace", trace))
    }

    /// From now on; a trace that cannot be written is an error now.
    pub(crate) fn begin(&self) -> Result<Profiling> {
        let trace = self.trace.as_deref();
        Ok(Profiling {
            profile: (self.profile || trace.is_some()).then(Profile::new),
            trace: trace.map(|path| Output::create(Some(path))).transpose()?,
            prints: self.profile,
            began: Instant::now(),
        })
    }
}

impl Profiling {
    /// What a device's work is collected in, if anybody wants to know.
    pub(crate) fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    pub(crate) fn finish(self) -> Result<()> {
        let wall = self.began.elapsed();
        let Some(profile) = self.profile else {
            return Ok(());
        };
        if let Some(mut trace) = self.trace {
            profile.write_trace(&mut trace)?;
            trace.finish()?;
        }
        if self.prints {
            let text = text(&profile, wall);
            io::stderr()
                .write_all(text.as_bytes())
                .map_err(|error| anyhow!("cannot write the profile to standard error: {error}"))?;
        }
        Ok(())
    }
}

fn text(profile: &Profile, wall: Duration) -> String {
    let mut text = format!("{}\n\n", kernels(&profile.kernels()));
    let of_host = of_host(profile);
    let parts = of_host.iter().map(|(track, time)| {
        let time = seconds(time.as_secs_f64());
        format!("{} {time}", track.name())
    });
    text += &format!(
        "on the host, all threads together: {}; altogether {} passed\n",
        parts.collect::<Vec<_>>().join(", "),
        seconds(wall.as_secs_f64())
    );
    match profile.left_out() {
        0 => {}
        count => text += &format!("{count} things that happened last are not in the trace\n"),
    }
    text
}

/// The longest first.
fn kernels(kernels: &[KernelTime]) -> String {
    let header = ["kernel", "clock", "calls", "time", "share", "FLOP/s", "B/s"];
    let mut table = table(&header, 2);
    let all: Duration = kernels.iter().map(|kernel| kernel.time).sum();
    for kernel in kernels {
        let flops = kernel.gflops_per_second();
        table.add_row([
            kernel.name.clone(),
            clock(kernel.clock).to_owned(),
            kernel.dispatches.to_string(),
            seconds(kernel.time.as_secs_f64()),
            percent(kernel.time.as_secs_f64() / all.as_secs_f64()),
            flops.map_or_else(String::new, |it| rate(1e9 * it, "")),
            rate(1e9 * kernel.gigabytes_per_second(), ""),
        ]);
    }
    table.trim_fmt()
}

fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Device => "device",
        _ => "host",
    }
}

/// The time of each of the host's tracks, in the order of a trace.
fn of_host(profile: &Profile) -> Vec<(Track, Duration)> {
    let spans = profile.spans();
    let mut tracks: Vec<Track> = spans.iter().map(|span| span.track).collect();
    tracks.sort_unstable();
    tracks.dedup();
    tracks.retain(|track| *track != Track::Device);
    let sum = |track: Track| {
        let own = spans.iter().filter(|span| span.track == track);
        own.map(|span| span.duration).sum()
    };
    tracks.into_iter().map(|it| (it, sum(it))).collect()
}
