//! The shape checks that operations share; each error names the operation and the shapes.

use crate::error::{Error, Result};
use crate::graph::{Domain, Source, TensorInfo};
use crate::tensor::{DType, Dim};

pub(super) fn error(operation: &'static str, message: String) -> Error {
    Error::Shape { operation, message }
}

/// The operands as an array, if there are exactly that many.
pub(super) fn operands<'a, const N: usize>(
    operation: &'static str,
    operands: &[&'a TensorInfo],
) -> Result<[&'a TensorInfo; N]> {
    operands.try_into().map_err(|_| {
        error(
            operation,
            format!("takes {N} operands, was given {}", operands.len()),
        )
    })
}

/// An activation, `[rows, cols]` of floats, cols known and at least 1.
pub(super) fn rows_and_cols(
    operation: &'static str,
    what: &str,
    tensor: &TensorInfo,
) -> Result<(Dim, usize)> {
    let is_activation = tensor.dtype == DType::F32 && tensor.source != Source::Parameter;
    match *tensor.shape.dims() {
        [rows, Dim::Fixed(cols)] if cols > 0 && is_activation => Ok((rows, cols)),
        _ => Err(error(
            operation,
            format!(
                "{what} must be an input or a result of f32 [rows, cols], {} is {} {}",
                tensor.name, tensor.dtype, tensor.shape
            ),
        )),
    }
}

/// Query, key and value, `[3, heads, tokens, head_dim]`: how many heads, and how long.
pub(super) fn heads(operation: &'static str, qkv: &TensorInfo) -> Result<(usize, usize)> {
    let is_activation = qkv.dtype == DType::F32 && qkv.source != Source::Parameter;
    match *qkv.shape.dims() {
        [
            Dim::Fixed(3),
            Dim::Fixed(heads),
            Dim::Tokens,
            Dim::Fixed(head_dim),
        ] if heads > 0 && head_dim > 0 && is_activation => Ok((heads, head_dim)),
        _ => Err(error(
            operation,
            format!(
                "qkv must be an input or a result of f32 [3, heads, tokens, head_dim], {} is {} {}",
                qkv.name, qkv.dtype, qkv.shape
            ),
        )),
    }
}

/// A matrix of weights, `[rows, cols]`.
pub(super) fn matrix(
    operation: &'static str,
    what: &str,
    tensor: &TensorInfo,
) -> Result<(usize, usize)> {
    match *tensor.shape.dims() {
        [Dim::Fixed(rows), Dim::Fixed(cols)]
            if rows > 0 && cols > 0 && matches!(tensor.source, Source::Parameter) =>
        {
            Ok((rows, cols))
        }
        _ => Err(error(
            operation,
            format!(
                "{what} must be a parameter [rows, cols], is {}",
                tensor.shape
            ),
        )),
    }
}

/// A vector of weights of known length.
pub(super) fn vector(
    operation: &'static str,
    what: &str,
    tensor: &TensorInfo,
    length: usize,
) -> Result<()> {
    if tensor.shape == [length].into() && matches!(tensor.source, Source::Parameter) {
        return Ok(());
    }
    Err(error(
        operation,
        format!("{what} must be a parameter [{length}], is {}", tensor.shape),
    ))
}

/// Two shapes that must be one.
pub(super) fn same_shape(
    operation: &'static str,
    a: (&str, &TensorInfo),
    b: (&str, &TensorInfo),
) -> Result<()> {
    if a.1.shape == b.1.shape {
        return Ok(());
    }
    Err(error(
        operation,
        format!(
            "shapes differ: {} {}, {} {}",
            a.0, a.1.shape, b.0, b.1.shape
        ),
    ))
}

/// Ids, one per token, each below `length`.
pub(super) fn indices(
    operation: &'static str,
    what: &str,
    tensor: &TensorInfo,
    length: usize,
) -> Result<()> {
    match tensor.source {
        Source::Input(Domain::Below(bound))
            if bound <= length && tensor.shape == [Dim::Tokens].into() =>
        {
            Ok(())
        }
        _ => Err(error(
            operation,
            format!("{what} must be an input of ids below {length}, one per token"),
        )),
    }
}

/// The input that says where each sequence starts.
pub(super) fn segments(operation: &'static str, tensor: &TensorInfo) -> Result<()> {
    if tensor.source == Source::Input(Domain::Segments) {
        return Ok(());
    }
    Err(error(
        operation,
        format!(
            "segment offsets must be the graph's own input, found {:?}",
            tensor.name
        ),
    ))
}
