//! The memory of runs: a few sets of activations, each used by one run at a time and then by the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use super::activations::Activations;

/// Sets that no run uses now, and the runs that wait for one, in the order in which they came.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    /// How many sets there may be at all.
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    /// How many sets there are, in use or not.
    made: usize,
    idle: Vec<Activations>,
    /// Somebody waits only while nothing is idle.
    waiting: VecDeque<oneshot::Sender<Lease>>,
}

impl State {
    /// A set, or the permission to make one where there are fewer than `most`; nothing where all are in use.
    fn take(&mut self, most: usize) -> Option<Option<Activations>> {
        let idle = self.idle.pop();
        if idle.is_none() {
            if self.made >= most {
                return None;
            }
            self.made += 1;
        }
        Some(idle)
    }

    fn wait(&mut self) -> oneshot::Receiver<Lease> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_back(sender);
        receiver
    }
}

/// Runs beyond these wait: one that the device works on, one whose inputs are on their way, and one that is read back.
const AT_ONCE: usize = 3;

/// A set that one run has to itself, or the permission to allocate one. Dropped while its run is under way, the set
/// is gone, since the device may still write it, and another one may be made.
#[derive(Debug)]
pub(super) struct Lease {
    /// Taken by who passes it on.
    pool: Option<Arc<Pool>>,
    pub(super) activations: Option<Activations>,
    /// Whether the device may still write the set.
    pub(super) is_in_use: bool,
}

impl Pool {
    /// For at most `limit` sets.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            limit,
        })
    }

    /// How many sets there are.
    pub(super) fn made(&self) -> usize {
        self.state().made
    }

    /// The next set that becomes free, first come, first served.
    pub(super) async fn lease(self: &Arc<Self>) -> Lease {
        let receiver = {
            let mut state = self.state();
            match state.take(AT_ONCE.min(self.limit)) {
                Some(activations) => return self.lease_of(activations),
                None => state.wait(),
            }
        };
        receiver.await.expect("the pool outlives those who wait")
    }

    /// A set that is free, or may be made, for who cannot wait.
    pub(super) fn lease_now(self: &Arc<Self>) -> Option<Lease> {
        let taken = self.state().take(self.limit);
        taken.map(|activations| self.lease_of(activations))
    }

    fn lease_of(self: &Arc<Self>, activations: Option<Activations>) -> Lease {
        Lease {
            pool: Some(Arc::clone(self)),
            activations,
            is_in_use: false,
        }
    }

    /// Gives a set, or the permission to make one, to who has waited longest, else keeps it.
    fn pass_on(self: &Arc<Self>, mut activations: Option<Activations>) {
        loop {
            let mut state = self.state();
            let Some(sender) = state.waiting.pop_front() else {
                match activations {
                    // More than that were made for somebody who could not wait.
                    Some(set) if state.made <= AT_ONCE.min(self.limit) => state.idle.push(set),
                    _ => state.made -= 1,
                }
                return;
            };
            drop(state); // a lease that nobody takes comes back here
            match sender.send(self.lease_of(activations)) {
                Ok(()) => return,
                Err(mut lease) => {
                    lease.pool = None; // it is passed on here
                    activations = lease.activations.take();
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let activations = self.activations.take().filter(|_| !self.is_in_use);
        if let Some(pool) = self.pool.take() {
            pool.pass_on(activations);
        }
    }
}
