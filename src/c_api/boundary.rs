//! What comes back over the boundary: a status and a message, never a panic.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::status::wgformer_status;
use crate::error::Error;

/// Why a call failed.
#[derive(Debug)]
pub(super) struct Failure {
    status: wgformer_status,
    message: String,
}

impl Failure {
    pub(super) fn invalid_argument(message: String) -> Self {
        Self {
            status: wgformer_status::InvalidArgument,
            message,
        }
    }

    fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self {
            status: wgformer_status::Internal,
            message: format!("a bug in wgformer: {}", text.unwrap_or("it panicked")),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            status: wgformer_status::from(&error),
            message: error.to_string(),
        }
    }
}

/// Runs an entry point's work; what fails leaves its message to this thread.
pub(super) fn guarded(work: impl FnOnce() -> Result<(), Failure>) -> wgformer_status {
    // Nothing that a panic could leave half-done is seen again: what `work` makes is dropped, and what it shares with
    // other calls is behind the engine's own locks.
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return wgformer_status::Ok,
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::of_panic(&*payload),
    };
    let message = c_string(failure.message);
    // A thread that is ending has nobody left to read it.
    let _ = LAST_MESSAGE.try_with(|last| last.replace(message));
    failure.status
}

/// Drops what may have to do with a driver.
pub(super) fn free<T>(handle: Option<Box<T>>) {
    guarded(|| {
        drop(handle);
        Ok(())
    });
}

thread_local! {
    static LAST_MESSAGE: RefCell<CString> = RefCell::default();
}

pub(super) fn last_message() -> *const c_char {
    let message = LAST_MESSAGE.try_with(|last| last.borrow().as_ptr());
    message.unwrap_or(c"".as_ptr())
}

/// For C to read; a NUL inside, which would end it there, is written as two characters.
pub(super) fn c_string(text: String) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn message() -> String {
        #[expect(unsafe_code, reason = "as C reads it")]
        // SAFETY: the string is this thread's, and no call fails meanwhile.
        let message = unsafe { CStr::from_ptr(last_message()) };
        message.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_becomes_a_status_and_a_message() {
        let name = "softmax";
        let panics: [(&dyn Fn(), &str); 3] = [
            (&|| panic!("at once"), "at once"),
            (&|| panic!("in {name}"), "in softmax"),
            (&|| std::panic::panic_any(7), "it panicked"),
        ];
        for (panic, text) in panics {
            let work = || {
                panic();
                Ok(())
            };
            assert_eq!(guarded(work), wgformer_status::Internal);
            assert_eq!(message(), format!("a bug in wgformer: {text}"));
        }
    }

    #[test]
    fn a_message_is_that_of_the_last_failure_on_its_own_thread() {
        let fail = |text: &str| guarded(|| Err(Failure::invalid_argument(text.to_owned())));
        assert_eq!(message(), "");
        assert_eq!(fail("first"), wgformer_status::InvalidArgument);
        std::thread::spawn(|| assert_eq!(message(), ""))
            .join()
            .unwrap();
        assert_eq!(guarded(|| Ok(())), wgformer_status::Ok);
        assert_eq!(message(), "first");
        fail("a\0b");
        assert_eq!(message(), "a\\0b");
    }
}
