//! The results of a stream, as they come.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Result;
use wgformer::tasks::Stream;

use crate::overflow::Part;
use crate::progress::Progress;
use crate::within::within;

/// How long results are waited for before what came so far is brought to safety.
const MOMENT: Duration = Duration::from_millis(250);

/// Gives `each` every input with its result, in order, and nothing where none has come for a moment.
pub(crate) fn drain<T, R>(
    stream: Stream<T, anyhow::Error, R>,
    mut progress: Progress,
    mut each: impl FnMut(Option<(T, R)>) -> Result<()>,
) -> Result<()> {
    let mut stream = stream.on_batch(move |inputs| progress.advance(inputs));
    loop {
        match within(MOMENT, stream.next_async()) {
            Some(Some(next)) => each(Some(next?))?,
            Some(None) => return Ok(()),
            None => each(None)?,
        }
    }
}

/// The same of parts of texts; an error of one names its text. `first`: the number of the text that the first part is of,
/// once that is read.
pub(crate) fn drain_parts<T, R>(
    stream: Stream<Part<T>, anyhow::Error, R>,
    progress: Progress,
    first: &AtomicUsize,
    mut each: impl FnMut(Option<(Part<T>, R)>) -> Result<()>,
) -> Result<()> {
    let mut text = None;
    let drained = drain(stream, progress, |next| {
        if let Some((part, _)) = &next {
            text = Some(part.next_index());
        }
        each(next)
    });
    drained.map_err(|error| match error.downcast::<wgformer::Error>() {
        // It comes after all parts before it.
        Ok(error) => {
            let text = text.unwrap_or_else(|| first.load(Relaxed));
            error.renumbered(|_| text).into()
        }
        Err(other) => other,
    })
}
