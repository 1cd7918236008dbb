//! Panics while a model is read, on whatever thread, kept instead of printed.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, Once, PoisonError};

/// `Some` while panics are kept.
static KEPT: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// The result of `work` unless it panicked, and every panic meanwhile, also those that were caught.
pub(crate) fn kept<T>(work: impl FnOnce() -> T) -> (Option<T>, Vec<String>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| match &mut *lock() {
            Some(kept) => kept.push(panic.to_string()),
            None => print(panic),
        }));
    });
    *lock() = Some(Vec::new());
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    (result, lock().take().unwrap_or_default())
}

fn lock() -> std::sync::MutexGuard<'static, Option<Vec<String>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
