//! What a caller gives to a run, and the checks that let kernels do without any.

use crate::error::{Error, Result};
use crate::graph::{Domain, Graph, Source, TensorInfo};
use crate::tensor::{DType, Data, Sizes};

/// The values of one input, row-major.
///
/// ```
/// use wgformer::plan::Value;
/// use wgformer::tensor::Data;
///
/// let ids = Value::U32(&[101, 7592, 102]);
/// assert_eq!(ids.to_data(), Data::from(vec![101_u32, 7592, 102]));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Floats.
    F32(&'a [f32]),
    /// Ids or offsets.
    U32(&'a [u32]),
}

impl<'a> From<&'a Data> for Value<'a> {
    fn from(data: &'a Data) -> Self {
        match data {
            Data::F32(values) => Self::F32(values),
            Data::U32(values) => Self::U32(values),
        }
    }
}

impl Value<'_> {
    /// The values, owned.
    #[must_use]
    pub fn to_data(&self) -> Data {
        match self {
            Self::F32(values) => Data::F32(values.to_vec()),
            Self::U32(values) => Data::U32(values.to_vec()),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::U32(values) => bytemuck::cast_slice(values),
        }
    }

    /// Those of an input that the checks know to be of integers.
    pub(super) fn integers(&self) -> &[u32] {
        match self {
            Self::U32(values) => values,
            Self::F32(_) => unreachable!("the operation and the inputs were checked"),
        }
    }

    fn len(&self) -> usize {
        self.bytes().len() / 4
    }

    fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::U32(_) => DType::U32,
        }
    }
}

/// What any run of `sizes` may have for an input: the first sequences are as long as the longest.
pub(super) fn zeros(input: &TensorInfo, sizes: &Sizes) -> Data {
    let elements = input.shape.elements(sizes);
    match (input.source, input.dtype) {
        (Source::Input(Domain::Segments), _) => {
            let offset = |sequence: usize| (sequence * sizes.longest).min(sizes.tokens) as u32;
            (0..elements).map(offset).collect::<Vec<u32>>().into()
        }
        (_, DType::U32) => vec![0_u32; elements].into(),
        (_, DType::F32) => vec![0.0_f32; elements].into(),
    }
}

/// Checks `values` against the graph's inputs and `sizes` against the capacity, if there is one.
///
/// # Errors
/// [`Error::Input`], naming the first input that does not fit.
pub(super) fn check(
    graph: &Graph,
    sizes: &Sizes,
    capacity: Option<&Sizes>,
    values: &[Value<'_>],
) -> Result<()> {
    check_sizes(sizes, capacity)?;
    if values.len() != graph.inputs().len() {
        let message = format!(
            "{} inputs were given, the graph has {}",
            values.len(),
            graph.inputs().len()
        );
        return Err(Error::Input {
            name: "all".to_owned(),
            message,
        });
    }
    for (id, value) in graph.inputs().iter().zip(values) {
        let input = graph.tensor(*id);
        check_value(input, sizes, value).map_err(|message| Error::Input {
            name: input.name.clone(),
            message,
        })?;
    }
    Ok(())
}

fn check_sizes(sizes: &Sizes, capacity: Option<&Sizes>) -> Result<()> {
    let Some(capacity) = capacity else {
        return Ok(());
    };
    for (what, count, most) in [
        ("tokens", sizes.tokens, capacity.tokens),
        ("sequences", sizes.sequences, capacity.sequences),
        ("tokens in one sequence", sizes.longest, capacity.longest),
    ] {
        if count > most {
            let message = format!("{count} {what}, and the plan was compiled for at most {most}");
            return Err(Error::Input {
                name: "batch".to_owned(),
                message,
            });
        }
    }
    Ok(())
}

fn check_value(input: &TensorInfo, sizes: &Sizes, value: &Value<'_>) -> Result<(), String> {
    if value.dtype() != input.dtype {
        return Err(format!(
            "holds {}, the graph needs {}",
            value.dtype(),
            input.dtype
        ));
    }
    let expected = input.shape.elements(sizes);
    if value.len() != expected {
        return Err(format!(
            "has {} elements, {} needs {expected}",
            value.len(),
            input.shape
        ));
    }
    match (input.source, value) {
        (Source::Input(Domain::Below(bound)), Value::U32(ids)) => check_ids(ids, bound),
        (Source::Input(Domain::Segments), Value::U32(offsets)) => check_segments(offsets, sizes),
        _ => Ok(()),
    }
}

fn check_ids(ids: &[u32], bound: usize) -> Result<(), String> {
    match ids.iter().position(|id| *id as usize >= bound) {
        None => Ok(()),
        Some(place) => Err(format!(
            "{} at place {place} is not below {bound}",
            ids[place]
        )),
    }
}

fn check_segments(offsets: &[u32], sizes: &Sizes) -> Result<(), String> {
    if offsets.first() != Some(&0) || offsets.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err("offsets must ascend from 0".to_owned());
    }
    let found = Sizes::from_segments(offsets);
    if found != *sizes {
        return Err(format!(
            "offsets describe {found:?}, the run was said to be {sizes:?}"
        ));
    }
    Ok(())
}
