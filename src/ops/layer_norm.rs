use std::ops::Range;
use std::sync::Arc;

use super::checks;
use super::row_lanes::{ROWS_OF_SUBGROUPS, add_row_subgroup, row_lanes, row_vec4, texture_lanes};
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Constants, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Shape, Tensor};

impl Graph {
    /// Layer norm over the last axis: `y[r, c] = (x[r, c] - mean(x[r])) / sqrt(variance(x[r]) + eps) * weight[c] + bias[c]`.
    ///
    /// `x` and the result: `[rows, cols]`; `weight`, `bias`: `[cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let weight = graph.parameter("LayerNorm.weight", [8]);
    /// let bias = graph.parameter("LayerNorm.bias", [8]);
    /// let y = graph.layer_norm(x, weight, bias, 1e-12)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn layer_norm(
        &mut self,
        x: TensorId,
        weight: TensorId,
        bias: TensorId,
        eps: f32,
    ) -> Result<TensorId> {
        self.apply(Arc::new(Norm::new(Kind::Layer, eps)), &[x, weight, bias])
    }
}

/// Which norm of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// About the mean, with a bias.
    Layer,
    /// About zero, without one ([`Graph::rms_norm`]).
    Rms,
}

/// A norm of `x`, or of `x + residual`; operands: x, residual if there is one, weight, bias if it has one.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    kind: Kind,
    eps: f32,
    residual: bool,
}

impl Norm {
    pub(super) fn new(kind: Kind, eps: f32) -> Self {
        Self {
            kind,
            eps,
            residual: false,
        }
    }

    /// The same of a sum, if it is not of one yet.
    pub(super) fn of_sum(&self) -> Option<Self> {
        (!self.residual).then(|| Self {
            residual: true,
            ..self.clone()
        })
    }

    /// The epsilon of a layer norm of one tensor.
    pub(super) fn of_one_layer(&self) -> Option<f32> {
        (self.kind == Kind::Layer && !self.residual).then_some(self.eps)
    }

    /// The operands that are parameters.
    fn parameters(&self) -> Range<usize> {
        let first = 1 + usize::from(self.residual);
        match self.kind {
            Kind::Layer => first..first + 2,
            Kind::Rms => first..first + 1,
        }
    }
}

impl Operation for Norm {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Layer => "layer_norm",
            Kind::Rms => "rms_norm",
        }
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let parameters = self.parameters();
        if operands.len() != parameters.end {
            let message = format!(
                "takes {} operands, was given {}",
                parameters.end,
                operands.len()
            );
            return Err(checks::error(self.name(), message));
        }
        let x = operands[0];
        let (_, cols) = checks::rows_and_cols(self.name(), "x", x)?;
        if self.residual {
            checks::rows_and_cols(self.name(), "residual", operands[1])?;
            checks::same_shape(self.name(), ("x", x), ("residual", operands[1]))?;
        }
        for (what, parameter) in ["weight", "bias"].iter().zip(&operands[parameters]) {
            checks::vector(self.name(), what, parameter, cols)?;
        }
        Ok(x.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let sum = self
            .residual
            .then(|| reference::add(operands[0], operands[1]));
        let x = sum.as_ref().unwrap_or(operands[0]);
        let parameters = &operands[self.parameters()];
        match self.kind {
            Kind::Layer => reference::layer_norm(x, parameters[0], parameters[1], self.eps),
            Kind::Rms => reference::rms_norm(x, parameters[0], self.eps),
        }
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (rows, cols, eps) = (request.dims(0)[0], request.fixed(0, 1), self.eps);
        let residual = if self.residual { 1 } else { 0 }; // without one, x is bound twice and read once
        let variant = |kernel, mut constants: Constants, rows_per_workgroup: usize| {
            constants.push(("RESIDUAL", u32::from(self.residual)));
            constants.push(("RMS", u32::from(self.kind == Kind::Rms)));
            Variant {
                kernel,
                constants,
                tile: None,
                bindings: vec![
                    Binding::Operand(0),
                    Binding::Operand(residual),
                    Binding::Small(self.parameters().collect()),
                ],
                dispatch: Arc::new(move |sizes| {
                    let rows = rows.resolve(sizes);
                    Dispatch::new(
                        rows.div_ceil(rows_per_workgroup),
                        &Params {
                            rows: rows as u32,
                            cols: cols as u32,
                            eps,
                        },
                    )
                }),
            }
        };
        let capabilities = request.capabilities;
        let mut variants = vec![];
        if let Some(constants) = row_vec4(capabilities, cols) {
            variants.push(variant(&LAYER_NORM_VEC4, constants, 1));
        }
        variants.push(variant(&LAYER_NORM, row_lanes(capabilities, cols), 1));
        if let Some(lanes) = texture_lanes(capabilities, cols) {
            let constants = vec![("WORKGROUP_SIZE", lanes as u32)];
            variants.push(variant(&LAYER_NORM_TEXTURE, constants, lanes));
        }
        add_row_subgroup(&mut variants, capabilities, cols, |constants| {
            variant(&LAYER_NORM_SUBGROUP, constants, ROWS_OF_SUBGROUPS)
        });
        variants.into_iter().map(Offer::from).collect()
    }
}

pub(super) static LAYER_NORM: Kernel = Kernel {
    name: "layer_norm",
    wgsl: include_str!("../../shaders/layer_norm.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "COLUMNS_PER_LANE", "RESIDUAL", "RMS"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static LAYER_NORM_VEC4: Kernel = Kernel {
    name: "layer_norm_vec4",
    wgsl: include_str!("../../shaders/layer_norm_vec4.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "VECTORS_PER_LANE", "RESIDUAL", "RMS"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static LAYER_NORM_SUBGROUP: Kernel = Kernel {
    name: "layer_norm_subgroup",
    wgsl: include_str!("../../shaders/layer_norm_subgroup.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["LANES", "VECTORS_PER_LANE", "RESIDUAL", "RMS", "SHUFFLES"],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
};

pub(super) static LAYER_NORM_TEXTURE: Kernel = Kernel {
    name: "layer_norm_texture",
    wgsl: include_str!("../../shaders/layer_norm_texture.wgsl"),
    bindings: &[Access::Load, Access::Load, Access::Load, Access::Store],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "RESIDUAL", "RMS"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    rows: u32,
    cols: u32,
    eps: f32,
}
