//! Positions as sines and cosines of many wave lengths.

/// What is added to the embedding at a position, `[columns]` (Vaswani and others, 2017): in column 2i the sine of
/// `position / 10000^(2i / columns)`, and in the one after it, if there is one, the cosine.
pub(in crate::models) fn sinusoidal(position: usize, columns: usize) -> impl Iterator<Item = f32> {
    (0..columns).map(move |column| {
        let exponent = (column - column % 2) as f64 / columns as f64;
        let angle = position as f64 / 10000_f64.powf(exponent);
        let value = if column % 2 == 0 {
            angle.sin()
        } else {
            angle.cos()
        };
        value as f32
    })
}
