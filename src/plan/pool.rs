//! The memory of runs: a few sets of activations, each used by one run at a time and then by the next of its plan. Plans
//! may share the room that there is for them.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;

use super::activations::Activations;
use crate::gpu::InTurn;

/// What one run writes, which goes back to the device within a turn.
type Set = InTurn<Activations>;

/// Sets that no run uses now, and the runs that wait for one, in the order in which they came.
#[derive(Debug)]
pub(super) struct Room(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The bytes that sets may take together.
    limit: u64,
    /// How many pools there have been.
    pools: u64,
    /// Of every set there is, in use or not.
    made: Vec<Kind>,
    /// How many of them the engine's own runs have.
    runs: usize,
    /// In the order in which they came back.
    idle: Vec<(Kind, Set)>,
    /// What was idle and had to go: it is dropped outside the lock.
    surplus: Vec<Set>,
    waiting: VecDeque<Waiting>,
    /// Those that gave up, perhaps the last to hold their pool: dropped outside the lock too.
    canceled: Vec<Waiting>,
}

type Waiting = (Arc<Pool>, oneshot::Sender<Lease>);

/// Whose runs a set fits, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    pool: u64,
    bytes: u64,
}

/// The sets of one plan.
#[derive(Debug)]
pub(super) struct Pool {
    room: Arc<Room>,
    kind: Kind,
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
    pub(super) activations: Option<Set>,
}

impl Room {
    /// For sets of at most `limit` bytes together.
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            limit,
            pools: 0,
            made: Vec::new(),
            runs: 0,
            idle: Vec::new(),
            surplus: Vec::new(),
            waiting: VecDeque::new(),
            canceled: Vec::new(),
        })))
    }

    /// From now on there is so much room; idle sets make way at once, those in use when they come back.
    pub(super) fn set_limit(&self, limit: u64) {
        self.with(|state| {
            state.limit = limit;
            state.make_room(0);
        });
    }

    /// The bytes that no set takes, in use or not.
    pub(super) fn left(&self) -> u64 {
        self.with(|state| state.limit.saturating_sub(state.bytes()))
    }

    /// What `act` does, under the lock.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state);
        let surplus = mem::take(&mut state.surplus);
        let canceled = mem::take(&mut state.canceled);
        drop(state);
        drop((surplus, canceled));
        result
    }
}

impl Pool {
    /// For a plan whose runs take `bytes` each.
    pub(super) fn new(room: &Arc<Room>, bytes: u64) -> Arc<Self> {
        let pool = room.with(|state| {
            state.pools += 1;
            state.pools
        });
        Arc::new(Self {
            room: Arc::clone(room),
            kind: Kind { pool, bytes },
        })
    }

    /// How many sets there are.
    pub(super) fn made(&self) -> usize {
        let own = |kind: &&Kind| **kind == self.kind;
        self.room
            .with(|state| state.made.iter().filter(own).count())
    }

    /// Whether a run of the engine's own has a set of the room, which becomes free by itself.
    pub(super) fn has_runs(&self) -> bool {
        self.room.with(|state| state.runs > 0)
    }

    /// For a run of the engine's own: at once, or else where it will come, first come, first served.
    pub(super) fn lease_in_turn(self: &Arc<Self>) -> Result<Lease, oneshot::Receiver<Lease>> {
        self.room.with(|state| {
            if state.nobody_waits() {
                if let Some(activations) = state.take_for_run(self.kind) {
                    return Ok(self.lease(Holder::Run, activations));
                }
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back((Arc::clone(self), sender));
            Err(receiver)
        })
    }

    /// For an application's run, which cannot wait.
    pub(super) fn lease_now(self: &Arc<Self>) -> Option<Lease> {
        let taken = self.room.with(|state| state.take(self.kind));
        taken.map(|activations| self.lease(Holder::Application, activations))
    }

    fn lease(self: &Arc<Self>, holder: Holder, activations: Option<Set>) -> Lease {
        Lease {
            pool: Arc::clone(self),
            holder,
            activations,
        }
    }

    /// Keeps what a run had, or forgets a permission that nobody used, and serves those who have waited longest.
    fn take_back(&self, holder: Holder, activations: Option<Set>) {
        let served = self.room.with(|state| {
            state.runs -= usize::from(holder == Holder::Run);
            match activations {
                Some(activations) => state.idle.push((self.kind, activations)),
                None => state.forget(self.kind),
            }
            let served = state.serve();
            state.make_room(0);
            state.drop_surplus();
            served
        });
        for (pool, sender, activations) in served {
            // A lease that nobody takes any more comes back by its own drop.
            let _ = sender.send(pool.lease(Holder::Run, activations));
        }
    }
}

/// A run that got its turn, and what there is for it.
type Served = (Arc<Pool>, oneshot::Sender<Lease>, Option<Set>);

impl State {
    /// A set, or the permission to make one where there is room; nothing where there is none.
    fn take(&mut self, kind: Kind) -> Option<Option<Set>> {
        if let Some(place) = self.idle.iter().rposition(|(idle, _)| *idle == kind) {
            return Some(Some(self.idle.remove(place).1));
        }
        if !self.make_room(kind.bytes) {
            return None;
        }
        self.made.push(kind);
        Some(None)
    }

    fn take_for_run(&mut self, kind: Kind) -> Option<Option<Set>> {
        if self.runs >= AT_ONCE {
            return None;
        }
        let taken = self.take(kind)?;
        self.runs += 1;
        Some(taken)
    }

    /// Whether there is room for `bytes` more, once idle sets have gone as far as they must.
    fn make_room(&mut self, bytes: u64) -> bool {
        while self.bytes().saturating_add(bytes) > self.limit {
            if !self.drop_idle() {
                return false;
            }
        }
        true
    }

    fn bytes(&self) -> u64 {
        self.made.iter().map(|kind| kind.bytes).sum()
    }

    /// The one that nobody used for longest; whether there was one.
    fn drop_idle(&mut self) -> bool {
        if self.idle.is_empty() {
            return false;
        }
        let (kind, activations) = self.idle.remove(0);
        self.surplus.push(activations);
        self.forget(kind);
        true
    }

    fn forget(&mut self, kind: Kind) {
        let place = self.made.iter().position(|made| *made == kind);
        self.made
            .swap_remove(place.expect("counted when it was made"));
    }

    fn nobody_waits(&mut self) -> bool {
        let waiting = mem::take(&mut self.waiting).into_iter();
        let (canceled, waiting): (VecDeque<_>, _) = waiting.partition(|(_, it)| it.is_canceled());
        self.canceled.extend(canceled);
        self.waiting = waiting;
        self.waiting.is_empty()
    }

    /// Those who wait, as far as there is something for each before the next.
    fn serve(&mut self) -> Vec<Served> {
        let mut served = Vec::new();
        while !self.nobody_waits() {
            let kind = self.waiting[0].0.kind;
            let Some(activations) = self.take_for_run(kind) else {
                break;
            };
            served.extend(
                self.waiting
                    .pop_front()
                    .map(|(pool, sender)| (pool, sender, activations)),
            );
        }
        served
    }

    /// A set that an application had beyond what the engine's runs need.
    fn drop_surplus(&mut self) {
        if self.made.len() > AT_ONCE {
            self.drop_idle();
        }
    }
}

impl Drop for Pool {
    /// Of a plan that is gone; no run has any of its sets.
    fn drop(&mut self) {
        self.room.with(|state| {
            let idle = mem::take(&mut state.idle);
            let (own, others): (Vec<_>, Vec<_>) =
                idle.into_iter().partition(|(kind, _)| *kind == self.kind);
            state.idle = others;
            state.made.retain(|kind| *kind != self.kind);
            state
                .surplus
                .extend(own.into_iter().map(|(_, activations)| activations));
        });
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
