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
        self.apply(
            Arc::new(LayerNorm {
                eps,
                residual: false,
            }),
            &[x, weight, bias],
        )
    }
}

/// Layer norm of `x`, or of `x + residual`; operands: x, residual if there is one, weight, bias.
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) eps: f32,
    pub(super) residual: bool,
}

impl LayerNorm {
    fn weight(&self) -> usize {
        1 + usize::from(self.residual)
    }
}

impl Operation for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [x, rest @ ..] = operands else {
            return Err(checks::error(self.name(), "takes operands".to_owned()));
        };
        let (_, cols) = checks::rows_and_cols(self.name(), "x", x)?;
        let [weight, bias] = if self.residual {
            let [residual, weight, bias] = checks::operands(self.name(), rest)?;
            checks::rows_and_cols(self.name(), "residual", residual)?;
            checks::same_shape(self.name(), ("x", x), ("residual", residual))?;
            [weight, bias]
        } else {
            checks::operands(self.name(), rest)?
        };
        checks::vector(self.name(), "weight", weight, cols)?;
        checks::vector(self.name(), "bias", bias, cols)?;
        Ok(x.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let (weight, bias) = (operands[self.weight()], operands[self.weight() + 1]);
        if self.residual {
            let sum = reference::add(operands[0], operands[1]);
            reference::layer_norm(&sum, weight, bias, self.eps)
        } else {
            reference::layer_norm(operands[0], weight, bias, self.eps)
        }
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (rows, cols, eps) = (request.dims(0)[0], request.fixed(0, 1), self.eps);
        let residual = if self.residual { 1 } else { 0 }; // without one, x is bound twice and read once
        let variant = |kernel, mut constants: Constants, rows_per_workgroup: usize| {
            constants.push(("RESIDUAL", u32::from(self.residual)));
            Variant {
                kernel,
                constants,
                tile: None,
                bindings: vec![
                    Binding::Operand(0),
                    Binding::Operand(residual),
                    Binding::Small(vec![self.weight(), self.weight() + 1]),
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
    constants: &["WORKGROUP_SIZE", "COLUMNS_PER_LANE", "RESIDUAL"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static LAYER_NORM_VEC4: Kernel = Kernel {
    name: "layer_norm_vec4",
    wgsl: include_str!("../../shaders/layer_norm_vec4.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "VECTORS_PER_LANE", "RESIDUAL"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static LAYER_NORM_SUBGROUP: Kernel = Kernel {
    name: "layer_norm_subgroup",
    wgsl: include_str!("../../shaders/layer_norm_subgroup.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["LANES", "VECTORS_PER_LANE", "RESIDUAL", "SHUFFLES"],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
};

pub(super) static LAYER_NORM_TEXTURE: Kernel = Kernel {
    name: "layer_norm_texture",
    wgsl: include_str!("../../shaders/layer_norm_texture.wgsl"),
    bindings: &[Access::Load, Access::Load, Access::Load, Access::Store],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "RESIDUAL"],
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
