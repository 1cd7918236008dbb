use std::sync::Arc;

use super::checks;
use super::row_lanes::{ROWS_OF_SUBGROUPS, row_lanes, row_subgroup, row_vec4, texture_lanes};
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Constants, Dispatch, Kernel, Offer, Variant};
use crate::reference::{self, Pooling};
use crate::tensor::{Dim, Shape, Tensor};

impl Graph {
    /// One vector per sequence, of length 1 if `normalize` is set; a sequence without tokens gives zeros.
    ///
    /// `x`: `[tokens, hidden]`; `segment_offsets`: `[sequences + 1]`; the result: `[sequences, hidden]`.
    ///
    /// ```
    /// # use wgformer::{Graph, ops::Pooling, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let segment_offsets = graph.segment_offsets();
    /// let y = graph.pool(x, segment_offsets, Pooling::Mean, true)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[sequences, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn pool(
        &mut self,
        x: TensorId,
        segment_offsets: TensorId,
        pooling: Pooling,
        normalize: bool,
    ) -> Result<TensorId> {
        self.apply(Arc::new(Pool { pooling, normalize }), &[x, segment_offsets])
    }
}

/// One vector per sequence.
#[derive(Debug)]
struct Pool {
    pooling: Pooling,
    normalize: bool,
}

impl Operation for Pool {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [x, segment_offsets] = checks::operands(self.name(), operands)?;
        let (rows, hidden) = checks::rows_and_cols(self.name(), "x", x)?;
        if rows != Dim::Tokens {
            return Err(checks::error(
                self.name(),
                format!("x must be [tokens, hidden], is {}", x.shape),
            ));
        }
        checks::segments(self.name(), segment_offsets)?;
        Ok([Dim::Sequences, Dim::Fixed(hidden)].into())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::pool(operands[0], operands[1], self.pooling, self.normalize)
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let hidden = request.fixed(0, 1);
        let mode = match self.pooling {
            Pooling::Mean => 0,
            Pooling::Max => 1,
            Pooling::Cls => 2,
            Pooling::Last => 3,
            Pooling::MeanSqrtLen => 4,
            Pooling::WeightedMean => 5,
        };
        let variant = |kernel, mut constants: Constants, sequences_per_workgroup: usize| {
            constants.extend([("MODE", mode), ("NORMALIZE", u32::from(self.normalize))]);
            Variant {
                kernel,
                constants,
                tile: None,
                bindings: vec![Binding::Operand(0), Binding::Operand(1)],
                dispatch: Arc::new(move |sizes| {
                    let params = Params {
                        sequences: sizes.sequences as u32,
                        hidden: hidden as u32,
                    };
                    Dispatch::new(sizes.sequences.div_ceil(sequences_per_workgroup), &params)
                }),
            }
        };
        let capabilities = request.capabilities;
        let in_vectors = row_vec4(capabilities, hidden).map(|it| variant(&POOL_VEC4, it, 1));
        let one_by_one = variant(&POOL, row_lanes(capabilities, hidden), 1);
        let on_textures = texture_lanes(capabilities, hidden)
            .map(|lanes| variant(&POOL_TEXTURE, vec![("WORKGROUP_SIZE", lanes as u32)], 1));
        // Last on every adapter, so that it is there for `tune` and `--variant`: what it saves is little, by the vendors'
        // compilers, and what it may lose they do not say (docs/rejected-optimizations.md).
        let by_subgroups = row_subgroup(capabilities, hidden)
            .map(|it| variant(&POOL_SUBGROUP, it, ROWS_OF_SUBGROUPS));
        in_vectors
            .into_iter()
            .chain([one_by_one])
            .chain(on_textures)
            .chain(by_subgroups)
            .map(Offer::from)
            .collect()
    }
}

pub(super) static POOL: Kernel = Kernel {
    name: "pool",
    wgsl: include_str!("../../shaders/pool.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "COLUMNS_PER_LANE", "MODE", "NORMALIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static POOL_VEC4: Kernel = Kernel {
    name: "pool_vec4",
    wgsl: include_str!("../../shaders/pool_vec4.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "VECTORS_PER_LANE", "MODE", "NORMALIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static POOL_SUBGROUP: Kernel = Kernel {
    name: "pool_subgroup",
    wgsl: include_str!("../../shaders/pool_subgroup.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["LANES", "VECTORS_PER_LANE", "MODE", "NORMALIZE", "SHUFFLES"],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
};

pub(super) static POOL_TEXTURE: Kernel = Kernel {
    name: "pool_texture",
    wgsl: include_str!("../../shaders/pool_texture.wgsl"),
    bindings: &[Access::Load, Access::Read, Access::Store],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "MODE", "NORMALIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    sequences: u32,
    hidden: u32,
}
