//! Arguments as C passes them -> Rust values, or a failure that names the argument. Memory of the caller's is read and
//! written here alone.

#![deny(unsafe_op_in_unsafe_fn)]

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::slice;

use super::boundary::Failure;

/// An argument that must not be null.
pub(super) fn required<T>(argument: Option<T>, name: &str) -> Result<T, Failure> {
    argument.ok_or_else(|| Failure::invalid_argument(format!("{name} is null")))
}

/// The caller's variable for a handle, which may hold anything before; null until the call succeeds, so that it may be
/// freed whatever happens.
pub(super) fn cleared<'a, T>(
    variable: Option<&'a mut MaybeUninit<Option<Box<T>>>>,
    name: &str,
) -> Result<&'a mut Option<Box<T>>, Failure> {
    Ok(required(variable, name)?.write(None))
}

/// A string that ends with a NUL.
///
/// # Safety
/// `pointer` is null, or one to such a string that nobody changes during `'a`.
pub(super) unsafe fn string<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return required(None, name);
    }
    // SAFETY: as the caller says.
    utf8(unsafe { CStr::from_ptr(pointer) }.to_bytes(), name)
}

/// Bytes as text.
pub(super) fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes)
        .map_err(|error| Failure::invalid_argument(format!("{name} is not UTF-8: {error}")))
}

/// An array of `count` elements; where there are none, the pointer may be anything.
///
/// # Safety
/// Where `count` is not 0, `pointer` is null, or one to as many elements that nobody changes during `'a`.
pub(super) unsafe fn array<'a, T>(
    pointer: *const T,
    count: usize,
    name: &str,
) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(pointer, count, name)?;
    // SAFETY: as the caller says; `check_array` has seen to null, alignment and size.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

/// A table of floats, row-major.
///
/// # Safety
/// As [`array()`].
pub(super) unsafe fn rows<'a>(
    pointer: *const f32,
    [rows, columns]: [usize; 2],
    name: &str,
) -> Result<&'a [f32], Failure> {
    let Some(count) = rows.checked_mul(columns) else {
        return Err(Failure::invalid_argument(format!(
            "{name}: {rows} times {columns} are more than memory can hold"
        )));
    };
    // SAFETY: as the caller says.
    unsafe { array(pointer, count, name) }
}

/// What a table may have.
pub(super) trait Element {
    /// What a message calls several of them.
    const NAME: &'static str;
}

impl Element for f32 {
    const NAME: &'static str = "floats";
}

impl Element for i8 {
    const NAME: &'static str = "integers";
}

impl Element for u8 {
    const NAME: &'static str = "bytes";
}

/// Room for a table, row-major, where the caller has room for `capacity` elements; it may hold anything before.
///
/// # Safety
/// Where the table is not empty, `pointer` is null, or one to as much room that nobody else uses during `'a`.
pub(super) unsafe fn table<'a, T: Element>(
    pointer: *mut T,
    capacity: usize,
    [rows, columns]: [usize; 2],
    name: &str,
) -> Result<&'a mut [MaybeUninit<T>], Failure> {
    let needed = rows.checked_mul(columns);
    let Some(count) = needed.filter(|needed| *needed <= capacity) else {
        return Err(Failure::invalid_argument(format!(
            "capacity is {capacity} {}, and {name} need {rows} times {columns}",
            T::NAME
        )));
    };
    if count == 0 {
        return Ok(&mut []);
    }
    check_array(pointer, count, name)?;
    // SAFETY: as the caller says; `check_array` has seen to null, alignment and size.
    Ok(unsafe { slice::from_raw_parts_mut(pointer.cast(), count) })
}

fn check_array<T>(pointer: *const T, count: usize, name: &str) -> Result<(), Failure> {
    let invalid = |message| Err(Failure::invalid_argument(message));
    let bytes = count.checked_mul(size_of::<T>());
    if pointer.is_null() {
        invalid(format!("{name} is null, and {count} are needed"))
    } else if !pointer.is_aligned() {
        invalid(format!(
            "{name} is not aligned to {} bytes",
            align_of::<T>()
        ))
    } else if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
        invalid(format!("{name}: {count} are more than memory can hold"))
    } else {
        Ok(())
    }
}
