//! The memory of runs: a few sets of activations, each used by one run at a time and then by the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use super::activations::Activations;
use crate::gpu::InTurn;

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
    /// How many of them the engine's own runs have.
    runs: usize,
    idle: Vec<InTurn<Activations>>,
    waiting: VecDeque<oneshot::Sender<Lease>>,
}

/// The engine's runs beyond these wait: one that the device works on, one whose inputs are on their way, and one that
/// is read back.
const AT_ONCE: usize = 3;

/// Whose a set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A run of the engine's own, which ends by itself.
    Run,
    /// A run that an application records, when it likes.
    Application,
}

/// A set that one run has to itself, or the permission to allocate one; dropped, it is the next run's. It must not be
/// dropped while the device may still write the set.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Pool>,
    holder: Holder,
    pub(super) activations: Option<InTurn<Activations>>,
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

    /// Whether a run of the engine's own has a set, which becomes free by itself.
    pub(super) fn has_runs(&self) -> bool {
        self.state().runs > 0
    }

    /// For a run of the engine's own: at once, or else where it will come, first come, first served.
    pub(super) fn lease_in_turn(self: &Arc<Self>) -> Result<Lease, oneshot::Receiver<Lease>> {
        let mut state = self.state();
        if let Some(activations) = state.take_for_run(self.limit) {
            return Ok(self.lease(Holder::Run, activations));
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push_back(sender);
        Err(receiver)
    }

    /// For an application's run, which cannot wait.
    pub(super) fn lease_now(self: &Arc<Self>) -> Option<Lease> {
        let taken = self.state().take(self.limit);
        taken.map(|activations| self.lease(Holder::Application, activations))
    }

    fn lease(self: &Arc<Self>, holder: Holder, activations: Option<InTurn<Activations>>) -> Lease {
        Lease {
            pool: Arc::clone(self),
            holder,
            activations,
        }
    }

    /// Keeps what a run had, or forgets a permission that nobody used, and serves who has waited longest.
    fn take_back(self: &Arc<Self>, holder: Holder, activations: Option<InTurn<Activations>>) {
        let (next, surplus) = {
            let mut state = self.state();
            state.runs -= usize::from(holder == Holder::Run);
            match activations {
                Some(activations) => state.idle.push(activations),
                None => state.made -= 1,
            }
            let next = state.serve(self.limit);
            (next, state.surplus())
        };
        drop(surplus); // outside the lock, as all that follows
        if let Some((sender, activations)) = next {
            // A lease that nobody takes any more comes back by its own drop.
            let _ = sender.send(self.lease(Holder::Run, activations));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A set, or the permission to make one where there are fewer than `limit`; nothing where all are in use.
    fn take(&mut self, limit: usize) -> Option<Option<InTurn<Activations>>> {
        let idle = self.idle.pop();
        if idle.is_none() {
            if self.made >= limit {
                return None;
            }
            self.made += 1;
        }
        Some(idle)
    }

    fn take_for_run(&mut self, limit: usize) -> Option<Option<InTurn<Activations>>> {
        if self.runs >= AT_ONCE {
            return None;
        }
        let taken = self.take(limit)?;
        self.runs += 1;
        Some(taken)
    }

    /// The first who waits, and what there is for him.
    fn serve(
        &mut self,
        limit: usize,
    ) -> Option<(oneshot::Sender<Lease>, Option<InTurn<Activations>>)> {
        self.waiting.retain(|sender| !sender.is_canceled());
        if self.waiting.is_empty() {
            return None;
        }
        let activations = self.take_for_run(limit)?;
        Some((self.waiting.pop_front()?, activations))
    }

    /// A set that an application had beyond what the engine's runs need.
    fn surplus(&mut self) -> Option<InTurn<Activations>> {
        if self.made <= AT_ONCE {
            return None;
        }
        let surplus = self.idle.pop();
        self.made -= usize::from(surplus.is_some());
        surplus
    }
}

#[cfg(target_arch = "wasm32")]
impl Lease {
    /// No callback of a browser may hold its buffers: it frees them when it is through, and the next run gets others.
    pub(super) fn left_to_the_browser(mut self) -> Self {
        self.activations = None;
        self
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.take_back(self.holder, self.activations.take());
    }
}
