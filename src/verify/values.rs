//! What the inputs of cases hold.

use super::Random;

/// What rows are filled with.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Numbers in [-1, 1].
    Unit,
    /// One number everywhere.
    Equal,
    /// Numbers in [-1, 1], and 10,000 more: sums of squares would cancel, and exp would overflow.
    Offset,
    /// Numbers in [-80, 80]: exp of a difference overflows unless it is from the maximum.
    Extreme,
}

impl Values {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Unit, Self::Equal, Self::Offset, Self::Extreme];

    pub(super) fn fill(self, random: &mut Random, count: usize) -> Vec<f32> {
        let values = (0..count).map(|_| random.unit());
        values
            .map(|value| match self {
                Self::Unit => value,
                Self::Equal => 0.5,
                Self::Offset => value + 1e4,
                Self::Extreme => value * 80.0,
            })
            .collect()
    }

    /// The largest size of a value.
    pub(super) fn magnitude(self) -> f32 {
        match self {
            Self::Unit | Self::Equal => 1.0,
            Self::Offset => 1e4 + 1.0,
            Self::Extreme => 80.0,
        }
    }

    /// How far the values are from each other.
    pub(super) fn range(self) -> f32 {
        match self {
            Self::Unit | Self::Equal | Self::Offset => 2.0,
            Self::Extreme => 160.0,
        }
    }
}
