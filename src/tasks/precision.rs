/// A vector with an integer of -127 to 127 in place of each element: its direction, as the cosine tells it, stays the same
/// within half of one of the largest element's 127 steps; its length does not.
///
/// Every vector has a scale of its own, so that a text's result never depends on other texts. That is where it differs
/// from `quantize_embeddings` of sentence-transformers, which takes the ranges of all vectors that it is given, or of
/// others for calibration: vectors made there and here are not to be compared with each other.
///
/// ```
/// use wgformer::tasks::to_int8;
///
/// assert_eq!(to_int8(&[0.5, -0.25, 0.0]), [127, -64, 0]);
/// assert_eq!(to_int8(&[0.0; 3]), [0; 3]);
/// ```
#[must_use]
pub fn to_int8(vector: &[f32]) -> Vec<i8> {
    let largest = vector.iter().fold(0_f32, |most, it| most.max(it.abs()));
    let scale = if largest > 0.0 {
        127.0 / f64::from(largest)
    } else {
        0.0
    };
    let scaled = vector.iter().map(|it| f64::from(*it) * scale);
    scaled.map(|it| it.round() as i8).collect()
}

/// A vector with a bit in place of each element, whether it is above 0, eight to a byte, the first in the highest bit, as
/// `quantize_embeddings` of sentence-transformers packs `ubinary`. What does not fill the last byte is 0.
///
/// ```
/// use wgformer::tasks::to_ubinary;
///
/// assert_eq!(to_ubinary(&[0.5, -0.25, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0]), [0b1001_0000, 0b1000_0000]);
/// ```
#[must_use]
pub fn to_ubinary(vector: &[f32]) -> Vec<u8> {
    let byte = |elements: &[f32]| {
        let bits = elements.iter().zip((0..8).rev());
        bits.fold(0, |byte, (element, bit)| {
            byte | u8::from(*element > 0.0) << bit
        })
    };
    vector.chunks(8).map(byte).collect()
}
