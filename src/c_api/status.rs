//! How a call ended: a code for programs, a message for people.

use std::ffi::c_char;

use super::boundary;
use crate::error::Error;

/// How a call ended. Numbers keep their meaning; a later release may add some.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wgformer_status {
    /// It did what it was asked.
    Ok = 0,
    /// An argument is null, not UTF-8, out of range or too small; nothing was done.
    InvalidArgument = 1,
    /// A file is missing, or cannot be read or written.
    Io = 2,
    /// A file of a model or an index is broken, contradicts another, or has not the head that the task needs.
    Malformed = 3,
    /// A model or an index asks for something that this library, this adapter or its options do not do.
    Unsupported = 4,
    /// The tokenizer could not be built, or failed on a text.
    Tokenizer = 5,
    /// There is no GPU adapter, or none that matches what was asked for.
    NoAdapter = 6,
    /// The driver refused or failed.
    Device = 7,
    /// The device is gone: make a new GPU, and load the model on it again.
    DeviceLost = 8,
    /// Something needs more than the device, or the memory budget, allows.
    Limit = 9,
    /// The model overflows on a text: its result would hold an infinity or a NaN.
    Overflow = 10,
    /// A bug in this library, which may have reported itself on standard error. Handles can still be freed.
    Internal = 11,
    /// No memory is left on the device; what was there before still works.
    OutOfMemory = 12,
    /// A call was not done by the time that it was given.
    Deadline = 13,
}

impl From<&Error> for wgformer_status {
    /// Complete: an error that is added has to be given its code here.
    fn from(error: &Error) -> Self {
        match error {
            Error::Shape { .. }
            | Error::Input { .. }
            | Error::Vector { .. }
            | Error::TooLong { .. } => Self::InvalidArgument,
            Error::Io { .. } | Error::Write { .. } => Self::Io,
            Error::Malformed { .. }
            | Error::Outdated { .. }
            | Error::TensorMissing { .. }
            | Error::HeadMissing { .. }
            | Error::TensorShape { .. }
            | Error::NotFinite { .. } => Self::Malformed,
            Error::Unsupported { .. } | Error::NoVariant { .. } => Self::Unsupported,
            Error::Tokenizer { .. } => Self::Tokenizer,
            Error::NoAdapter { .. } | Error::AdapterNotFound { .. } => Self::NoAdapter,
            Error::Device { .. } | Error::Kernel { .. } => Self::Device,
            Error::DeviceLost { .. } => Self::DeviceLost,
            Error::OutOfMemory { .. } => Self::OutOfMemory,
            Error::Deadline { .. } | Error::Cancelled => Self::Deadline,
            Error::Limit { .. } => Self::Limit,
            Error::Overflow { .. } => Self::Overflow,
            Error::Text { source, .. } => Self::from(&**source),
            Error::Stopped { .. } => Self::Internal,
        }
    }
}

/// What the last call on this thread that failed has to say, in one sentence without a full stop; "" before any has.
///
/// The string is the library's, and stays until another call fails on this thread or the thread ends.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_last_error_message() -> *const c_char {
    boundary::last_message()
}
