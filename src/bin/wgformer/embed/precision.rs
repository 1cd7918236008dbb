//! What an element of a vector is written as.

use clap::ValueEnum;
use serde::Serialize;
use wgformer::tasks::{to_int8, to_ubinary};

/// `--precision`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Precision {
    Float32,
    /// An integer of -127 to 127, the largest element of each vector being 127: for cosines.
    Int8,
    /// A bit, 1 above 0, eight to a byte: for Hamming distances.
    Ubinary,
}

/// A vector as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Vector<'a> {
    Float32(&'a [f32]),
    Int8(Vec<i8>),
    Ubinary(Vec<u8>),
}

impl Precision {
    pub(super) fn of<'a>(self, vector: &'a [f32]) -> Vector<'a> {
        match self {
            Self::Float32 => Vector::Float32(vector),
            Self::Int8 => Vector::Int8(to_int8(vector)),
            Self::Ubinary => Vector::Ubinary(to_ubinary(vector)),
        }
    }

    /// The columns of a vector of so many dimensions.
    pub(super) fn columns(self, dimensions: usize) -> usize {
        match self {
            Self::Float32 | Self::Int8 => dimensions,
            Self::Ubinary => dimensions.div_ceil(8),
        }
    }
}

impl Vector<'_> {
    /// Little-endian.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Float32(values) => values.iter().flat_map(|it| it.to_le_bytes()).collect(),
            Self::Int8(values) => values.iter().flat_map(|it| it.to_le_bytes()).collect(),
            Self::Ubinary(values) => values.clone(),
        }
    }
}
