//! What the inputs of cases hold.

use std::fmt;

use half::f16;

use super::Random;
use crate::tensor::Data;

/// What rows are filled with.
///
/// See [`cases`](super::cases).
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

/// As a case's name ends: with nothing where there is nothing special.
impl fmt::Display for Values {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        into.write_str(match self {
            Self::Unit => "",
            Self::Equal => ", equal values",
            Self::Offset => ", values about 10,000",
            Self::Extreme => ", values to 80",
        })
    }
}

/// Inputs that f16 holds exactly, for kernels that round them to it: what is then compared is the sum, as closely as that
/// of any other kernel. Adapters may take what is too small for a normal f16 for zero, so it is zero here.
///
/// # Panics
/// If one is larger than f16 holds, which such kernels are not made for.
pub(super) fn in_f16(inputs: &[Data]) -> Vec<Data> {
    let round = |value: &f32| {
        let half = f16::from_f32(*value);
        assert!(half.is_finite(), "f16 does not hold {value}");
        if half.is_normal() { half.to_f32() } else { 0.0 }
    };
    let rounded = |input: &Data| match input {
        Data::F32(values) => Data::F32(values.iter().map(round).collect()),
        Data::U32(values) => Data::U32(values.clone()),
    };
    inputs.iter().map(rounded).collect()
}
