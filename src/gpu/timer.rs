use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Instant;

use futures_channel::oneshot;

use super::Gpu;
use crate::error::{Error, Result};

impl Gpu {
    /// What `call` gives, or an error as soon as the deadline has come: `call` is dropped then.
    ///
    /// # Errors
    /// [`Error::Deadline`], and those of `call`.
    pub(crate) async fn before<T>(
        &self,
        deadline: Option<Instant>,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(deadline) = deadline else {
            return call.await;
        };
        let alarm = self.timer().at(deadline);
        let failed = |error: io::Error| {
            let message = format!("there is no thread for it: {error}");
            self.device_error("waiting for a deadline", &message)
        };
        let mut alarm = alarm.map_err(failed)?;
        let mut call = pin!(call);
        poll_fn(|context| {
            let is_time = Pin::new(&mut alarm).poll(context).is_ready();
            if !is_time && Instant::now() < deadline {
                return call.as_mut().poll(context);
            }
            let late = deadline.elapsed();
            Poll::Ready(Err(Error::Deadline { late }))
        })
        .await
    }
}

/// Wakes whoever has a deadline, on a thread of its own that starts with the first and sleeps in between.
#[derive(Debug, Default)]
pub(super) struct Timer {
    alarms: Mutex<Option<mpsc::Sender<Alarm>>>,
}

/// When, and who is told.
type Alarm = (Instant, oneshot::Sender<()>);

impl Timer {
    /// Completes at that time; one that is dropped before costs nothing more.
    ///
    /// # Errors
    /// The operating system's, if it gives no thread to wait on; it may the next time.
    pub(super) fn at(&self, time: Instant) -> io::Result<oneshot::Receiver<()>> {
        let (sender, receiver) = oneshot::channel();
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        let alarms = match &mut *alarms {
            Some(alarms) => alarms,
            none => none.insert(start()?),
        };
        let _ = alarms.send((time, sender)); // the thread lives as long as this sender
        Ok(receiver)
    }
}

fn start() -> io::Result<mpsc::Sender<Alarm>> {
    let (alarms, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name("wgformer deadlines".to_owned());
    thread.spawn(move || ring(&receiver))?;
    Ok(alarms)
}

fn ring(alarms: &mpsc::Receiver<Alarm>) {
    let mut pending: BTreeMap<(Instant, usize), oneshot::Sender<()>> = BTreeMap::new();
    for number in 0.. {
        let next = pending.keys().next().map(|(time, _)| *time);
        let received = match next {
            None => alarms
                .recv()
                .map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(time) => alarms.recv_timeout(time.saturating_duration_since(Instant::now())),
        };
        match received {
            Ok((time, sender)) => drop(pending.insert((time, number), sender)),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        pending.retain(|_, sender| !sender.is_canceled());
        while let Some(first) = pending.first_entry().filter(|first| first.key().0 <= now) {
            let _ = first.remove().send(()); // nobody listens if the future was dropped
        }
    }
}
