//! Shapes, element types and host tensors; knows nothing of the GPU.

use std::fmt;

/// One axis of a shape: a number, or a count that only a run knows.
///
/// ```
/// use wgformer::tensor::{Dim, Sizes};
///
/// let sizes = Sizes::from_segments(&[0, 4, 9]); // a sequence of 4 tokens and one of 5
/// assert_eq!((Dim::Tokens.resolve(&sizes), Dim::Boundaries.resolve(&sizes)), (9, 3));
/// assert_eq!((Dim::Fixed(384).fixed(), Dim::Tokens.fixed()), (Some(384), None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dim {
    /// A number of elements fixed when the graph is built.
    Fixed(usize),
    /// The total number of tokens in the batch.
    Tokens,
    /// The number of sequences in the batch.
    Sequences,
    /// One more than the number of sequences: where each starts, and where the last ends.
    Boundaries,
}

impl Dim {
    /// The number of elements along this axis in a run of `sizes`.
    #[must_use]
    pub fn resolve(self, sizes: &Sizes) -> usize {
        match self {
            Self::Fixed(count) => count,
            Self::Tokens => sizes.tokens,
            Self::Sequences => sizes.sequences,
            Self::Boundaries => sizes.sequences + 1,
        }
    }

    /// The number, where it does not depend on the run.
    #[must_use]
    pub fn fixed(self) -> Option<usize> {
        match self {
            Self::Fixed(count) => Some(count),
            _ => None,
        }
    }
}

impl From<usize> for Dim {
    fn from(count: usize) -> Self {
        Self::Fixed(count)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(count) => write!(f, "{count}"),
            Self::Tokens => f.write_str("tokens"),
            Self::Sequences => f.write_str("sequences"),
            Self::Boundaries => f.write_str("sequences + 1"),
        }
    }
}

/// The counts of one run, and of a plan's capacity.
///
/// ```
/// use wgformer::tensor::Sizes;
///
/// let sizes = Sizes::from_segments(&[0, 4, 9]); // a sequence of 4 tokens and one of 5
/// assert_eq!(sizes, Sizes { tokens: 9, sequences: 2, longest: 5 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Tokens in all sequences together.
    pub tokens: usize,
    /// Sequences.
    pub sequences: usize,
    /// Tokens in the longest sequence.
    pub longest: usize,
}

impl Sizes {
    /// The counts of sequences that start at `segment_offsets[..sequences]` and end where the next one starts.
    ///
    /// `segment_offsets`: `[sequences + 1]`, ascending from 0; the last one is the number of tokens.
    #[must_use]
    pub fn from_segments(segment_offsets: &[u32]) -> Self {
        let longest = segment_offsets
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .max();
        Self {
            tokens: segment_offsets.last().copied().unwrap_or(0) as usize,
            sequences: segment_offsets.len().saturating_sub(1),
            longest: longest.unwrap_or(0) as usize,
        }
    }
}

/// A row-major shape, slowest axis first.
///
/// ```
/// use wgformer::tensor::{Dim, Shape, Sizes};
///
/// let shape: Shape = [Dim::Tokens, Dim::Fixed(384)].into();
/// assert_eq!(shape.to_string(), "[tokens, 384]");
/// assert_eq!((shape.dims()[0], shape.fixed()), (Dim::Tokens, None));
///
/// let sizes = Sizes::from_segments(&[0, 9]);
/// assert_eq!((shape.resolve(&sizes), shape.elements(&sizes)), (vec![9, 384], 9 * 384));
/// assert_eq!(Shape::from([1 << 16, 1 << 16]).checked_elements(&sizes), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(Vec<Dim>);

impl Shape {
    /// The axes, slowest first.
    #[must_use]
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The number of elements in a run of `sizes`.
    #[must_use]
    pub fn elements(&self, sizes: &Sizes) -> usize {
        self.0.iter().map(|dim| dim.resolve(sizes)).product()
    }

    /// As [`Shape::elements`]; `None` from 2^32 on, where the kernels' indices end, also for a single axis.
    #[must_use]
    pub fn checked_elements(&self, sizes: &Sizes) -> Option<usize> {
        let dims = self.0.iter().map(|dim| dim.resolve(sizes));
        let product = dims.clone().try_fold(1, usize::checked_mul)?;
        let fits = |count: usize| u32::try_from(count).is_ok();
        (fits(product) && dims.into_iter().all(fits)).then_some(product)
    }

    /// As [`Shape::elements`]; the largest number where it overflows.
    pub(crate) fn elements_or_max(&self, sizes: &Sizes) -> u64 {
        let dims = self.0.iter().map(|dim| dim.resolve(sizes) as u64);
        dims.fold(1, u64::saturating_mul)
    }

    /// The axes as numbers in a run of `sizes`.
    #[must_use]
    pub fn resolve(&self, sizes: &Sizes) -> Vec<usize> {
        self.0.iter().map(|dim| dim.resolve(sizes)).collect()
    }

    /// The axes as numbers, where none depends on the run.
    #[must_use]
    pub fn fixed(&self) -> Option<Vec<usize>> {
        self.0.iter().map(|dim| dim.fixed()).collect()
    }
}

impl<D: Into<Dim>, const N: usize> From<[D; N]> for Shape {
    fn from(dims: [D; N]) -> Self {
        Self(dims.into_iter().map(Into::into).collect())
    }
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Self {
        Self(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(Dim::to_string).collect();
        write!(f, "[{}]", dims.join(", "))
    }
}

/// The type of one element.
///
/// See [`Data`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// 32-bit float: every activation, statistic and sum.
    F32,
    /// 32-bit unsigned integer: ids and offsets.
    U32,
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::U32 => "u32",
        })
    }
}

/// What the elements of weight matrices are stored as on the device; everything else is f32.
///
/// ```
/// use wgformer::tensor::WeightType;
///
/// assert_eq!((WeightType::I8.bits(), WeightType::I8.to_string()), (8, "int8".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeightType {
    /// 32-bit float.
    #[default]
    F32,
    /// 16-bit float: half the memory, and half the bytes that a kernel reads.
    F16,
    /// 8-bit integer, for the matrices of linear layers: a row (an output) is stored as integers from -127 to 127 and
    /// one f32 scale, about the row's largest magnitude over 127: of a few near that the one with the least error. Tables of embeddings are stored as [`WeightType::F16`].
    I8,
}

impl WeightType {
    /// The size of one element, in bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::F32 => 32,
            Self::F16 => 16,
            Self::I8 => 8,
        }
    }

    /// Every type, the most exact first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::I8];

    /// What a table of embeddings is stored as: it is looked up, not multiplied, so int8 would gain memory only.
    pub(crate) fn of_tables(self) -> Self {
        match self {
            Self::F32 => Self::F32,
            Self::F16 | Self::I8 => Self::F16,
        }
    }

    /// Whether `value` is still finite once it is stored.
    pub(crate) fn holds(self, value: f32) -> bool {
        match self {
            Self::F32 | Self::I8 => value.is_finite(),
            Self::F16 => half::f16::from_f32(value).is_finite(),
        }
    }
}

impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "int8",
        })
    }
}

/// The elements of a host tensor.
///
/// ```
/// use wgformer::tensor::{DType, Data};
///
/// let ids = Data::from(vec![101_u32, 102]);
/// assert_eq!((ids.dtype(), ids.len(), ids.bytes().len()), (DType::U32, 2, 8));
/// assert!(Data::from(Vec::<f32>::new()).is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Floats.
    F32(Vec<f32>),
    /// Ids or offsets.
    U32(Vec<u32>),
}

impl Data {
    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::U32(values) => values.len(),
        }
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements' type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::U32(_) => DType::U32,
        }
    }

    /// The elements as bytes, in this machine's order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::U32(values) => bytemuck::cast_slice(values),
        }
    }
}

impl From<Vec<f32>> for Data {
    fn from(values: Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl From<Vec<u32>> for Data {
    fn from(values: Vec<u32>) -> Self {
        Self::U32(values)
    }
}

/// A tensor in host memory, row-major, slowest axis first.
///
/// ```
/// use wgformer::tensor::Tensor;
///
/// let matrix = Tensor::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// assert_eq!((matrix.shape(), matrix.cols()), (&[2, 3][..], 3));
/// assert_eq!(matrix.rows().last(), Some(&matrix.f32()[3..]));
///
/// let ids = Tensor::new([2], vec![101_u32, 102]);
/// assert_eq!((ids.u32(), ids.data().bytes().len()), (&[101, 102][..], 8));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

impl Tensor {
    /// A tensor of `shape` over `data`.
    ///
    /// # Panics
    /// If `data` has not exactly the shape's number of elements.
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<Data>) -> Self {
        let (shape, data) = (shape.into(), data.into());
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "a tensor of shape {shape:?}"
        );
        Self { shape, data }
    }

    /// The axes, slowest first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements of a float tensor.
    ///
    /// # Panics
    /// If the tensor holds integers.
    #[must_use]
    pub fn f32(&self) -> &[f32] {
        match &self.data {
            Data::F32(values) => values,
            Data::U32(_) => panic!("a tensor of f32 was expected, found u32"),
        }
    }

    /// The elements of an integer tensor.
    ///
    /// # Panics
    /// If the tensor holds floats.
    #[must_use]
    pub fn u32(&self) -> &[u32] {
        match &self.data {
            Data::U32(values) => values,
            Data::F32(_) => panic!("a tensor of u32 was expected, found f32"),
        }
    }

    /// The length of the last axis; 1 for a scalar.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The elements of a float tensor, one row of the last axis after another.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.f32().chunks_exact(self.cols().max(1))
    }
}
