//! Values that are the same in every run.

use crate::tensor::Tensor;

/// A small seeded generator (SplitMix64; Steele, Lea and Flood, 2014), so that every run has the same values.
///
/// ```
/// use wgformer::verify::Random;
///
/// let [mut a, mut b] = [Random::new(7), Random::new(7)];
/// assert_eq!(a.unit(), b.unit());
/// assert!(a.below(10) < 10);
/// assert_eq!(a.weights(&[384, 96]).shape(), [384, 96]);
/// ```
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in [-1, 1].
    pub fn unit(&mut self) -> f32 {
        // 24 bits: as many as an f32 holds exactly.
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A tensor of numbers in [-1, 1] that every weight type holds exactly, so that all of them give one result:
    /// integers from -127 to 127, of which each row has one at the end of that range, times a power of two for each row.
    pub fn weights(&mut self, shape: &[usize]) -> Tensor {
        let cols = shape.last().copied().unwrap_or(1).max(1);
        let mut values = Vec::with_capacity(shape.iter().product());
        for _ in 0..shape.iter().product::<usize>() / cols {
            let scale = 1.0 / (128 << self.below(3)) as f32;
            let largest = self.below(cols);
            values.extend((0..cols).map(|col| {
                let integer = if col == largest {
                    127
                } else {
                    self.below(255) as i32 - 127
                };
                scale * integer as f32
            }));
        }
        Tensor::new(shape, values)
    }
}
