//! Turns with a device, where only one thread at a time may work with it: on GL, wgpu panics in one that waits for its
//! context for long, as for another one's submit that compiles a shader.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::{ReentrantMutex, ReentrantMutexGuard};

/// Shared by all who work with one device; without effect where all may at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Option<Arc<ReentrantMutex<()>>>);

impl Turns {
    pub(super) fn of(backend: wgpu::Backend) -> Self {
        Self((backend == wgpu::Backend::Gl).then(Arc::default))
    }

    /// This thread's turn, which it may take again while it has it: callbacks come in the middle of a poll.
    pub(super) fn take(&self) -> Turn<'_> {
        Turn {
            _guard: self.0.as_ref().map(|turn| turn.lock()),
        }
    }

    /// What is to be dropped in a turn, for then it goes back to the device.
    pub(super) fn keep<T>(&self, value: T) -> InTurn<T> {
        InTurn {
            value: Some(value),
            turns: self.clone(),
        }
    }
}

/// A thread's turn with a device.
///
/// See [`Gpu::turn`](super::Gpu::turn) for an example.
#[must_use = "the turn is over when it is dropped"]
#[derive(Debug)]
pub struct Turn<'a> {
    _guard: Option<ReentrantMutexGuard<'a, ()>>,
}

/// What is dropped in a turn with its device.
#[derive(Debug)]
pub(crate) struct InTurn<T> {
    value: Option<T>,
    turns: Turns,
}

impl<T> Deref for InTurn<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("there until it is dropped")
    }
}

impl<T> DerefMut for InTurn<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("there until it is dropped")
    }
}

impl<T> Drop for InTurn<T> {
    fn drop(&mut self) {
        let _turn = self.turns.take();
        self.value = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    struct Tells(mpsc::Sender<()>);

    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }

    #[test]
    fn what_is_kept_is_dropped_in_a_turn() {
        let turns = Turns::of(wgpu::Backend::Gl);
        let (sender, dropped) = mpsc::channel();
        let kept = turns.keep(Tells(sender.clone()));
        let turn = turns.take();
        let other = thread::spawn(|| drop(kept));
        let soon = Duration::from_millis(50);
        assert!(dropped.recv_timeout(soon).is_err(), "it is another's turn");
        drop(turns.keep(Tells(sender))); // a thread's own
        dropped.recv_timeout(soon).unwrap();
        drop(turn);
        other.join().unwrap();
        dropped.recv_timeout(soon).unwrap();
    }

    #[test]
    fn all_may_at_once_where_that_is_right() {
        let turns = Turns::of(wgpu::Backend::Vulkan);
        assert!(turns.take()._guard.is_none());
        assert_eq!(*turns.keep(7), 7);
    }
}
