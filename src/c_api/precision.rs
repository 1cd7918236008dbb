//! Vectors in fewer bits.

use std::mem::MaybeUninit;

use super::arguments::{Element, rows, table};
use super::boundary::{Failure, guarded};
use super::status::wgformer_status;
use crate::tasks::{to_int8, to_ubinary};

/// Writes an integer of -127 to 127 for each element of some vectors: row-major, `[count, dimensions]`.
///
/// Each vector has a scale of its own, so that its largest element becomes 127 or -127: its direction, as the cosine tells
/// it, stays about the same, its length does not. `vectors`: `[count, dimensions]`. `capacity`: the room at `integers`, at
/// least `count` times `dimensions`. A call that fails writes nothing there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_to_int8(
    vectors: *const f32,
    count: usize,
    dimensions: usize,
    integers: *mut i8,
    capacity: usize,
) -> wgformer_status {
    let (from, shape) = (vectors, [count, dimensions]);
    guarded(|| {
        // SAFETY: the caller passes as many vectors, which stay as they are during the call.
        let vectors = unsafe { rows(from, shape, "vectors") }?;
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let integers = unsafe { table(integers, capacity, shape, "integers") }?;
        write(vectors, dimensions, to_int8, integers)
    })
}

/// Writes a bit for each element of some vectors, whether it is above 0, eight to a byte, the first in the highest bit:
/// row-major, `[count, bytes]`, where `bytes` are `dimensions` divided by 8, rounded up; what does not fill a vector's last
/// byte is 0.
///
/// `vectors`: `[count, dimensions]`. `capacity`: the room at `bytes`, at least `count` times as many as a vector has. A
/// call that fails writes nothing there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_to_ubinary(
    vectors: *const f32,
    count: usize,
    dimensions: usize,
    bytes: *mut u8,
    capacity: usize,
) -> wgformer_status {
    let from = vectors;
    guarded(|| {
        // SAFETY: the caller passes as many vectors, which stay as they are during the call.
        let vectors = unsafe { rows(from, [count, dimensions], "vectors") }?;
        let shape = [count, dimensions.div_ceil(8)];
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let bytes = unsafe { table(bytes, capacity, shape, "bytes") }?;
        write(vectors, dimensions, to_ubinary, bytes)
    })
}

fn write<T: Element>(
    vectors: &[f32],
    dimensions: usize,
    rounded: fn(&[f32]) -> Vec<T>,
    table: &mut [MaybeUninit<T>],
) -> Result<(), Failure> {
    if dimensions == 0 {
        let message = "dimensions is 0, and has to be at least 1";
        return Err(Failure::invalid_argument(message.to_owned()));
    }
    let found = vectors.chunks_exact(dimensions).flat_map(rounded);
    for (place, value) in table.iter_mut().zip(found) {
        place.write(value);
    }
    Ok(())
}
