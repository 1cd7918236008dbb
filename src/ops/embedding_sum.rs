use std::any::Any;
use std::sync::Arc;

use super::checks;
use super::layer_norm::Norm;
use super::row_lanes::{row_lanes, row_vec4, texture_lanes};
use crate::error::Result;
use crate::graph::{Graph, Node, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Constants, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Dim, Shape, Tensor};

impl Graph {
    /// The front end of an encoder: `word[ids[t]] + position[positions[t]] + kind[types[t]]`. A [`Graph::layer_norm`] of
    /// it, as BERT has one, is done in its kernel.
    ///
    /// `indices`: ids, positions and types, each `[tokens]`; `tables`: word `[vocabulary, hidden]`,
    /// position `[max_positions, hidden]`, type `[max_types, hidden]`; the result: `[tokens, hidden]`.
    ///
    /// ```
    /// # use wgformer::Graph;
    /// # let mut graph = Graph::new();
    /// let indices = [("ids", 60), ("positions", 24), ("types", 2)].map(|(name, bound)| graph.ids(name, bound));
    /// let tables = [("word", 60), ("position", 24), ("type", 2)].map(|(name, rows)| graph.parameter(name, [rows, 8]));
    /// let weight = graph.parameter("LayerNorm.weight", [8]);
    /// let bias = graph.parameter("LayerNorm.bias", [8]);
    /// let sum = graph.embedding_sum(indices, tables)?;
    /// assert_eq!(graph.tensor(sum).shape.to_string(), "[tokens, 8]");
    /// graph.layer_norm(sum, weight, bias, 1e-12)?;
    /// assert_eq!(wgformer::plan::fuse(&graph).nodes().len(), 1);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together, or an index could be out of its table.
    pub fn embedding_sum(
        &mut self,
        indices: [TensorId; 3],
        tables: [TensorId; 3],
    ) -> Result<TensorId> {
        let [ids, positions, types] = indices;
        let [word, position, kind] = tables;
        self.apply(
            Arc::new(EmbeddingSum { norm: None }),
            &[ids, positions, types, word, position, kind],
        )
    }
}

/// `word[ids[t]] + position[positions[t]] + kind[types[t]]`, or the layer norm of that; operands: ids, positions, types,
/// the tables, weight and bias if there is a norm.
#[derive(Debug)]
struct EmbeddingSum {
    /// The norm's epsilon.
    norm: Option<f32>,
}

/// Of the operands those that are of the sum, before those of the norm.
const OF_SUM: usize = 6;

impl Operation for EmbeddingSum {
    fn name(&self) -> &'static str {
        "embedding_sum"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let (of_sum, of_norm) = operands.split_at(operands.len().min(OF_SUM));
        let [ids, positions, types, word, position, kind] = checks::operands(self.name(), of_sum)?;
        let (vocabulary, hidden) = checks::matrix(self.name(), "word", word)?;
        for (what, indices, table) in [("positions", positions, position), ("types", types, kind)] {
            let (length, cols) = checks::matrix(self.name(), what, table)?;
            if cols != hidden {
                let message = format!(
                    "columns differ: word {}, table of {what} {}",
                    word.shape, table.shape
                );
                return Err(checks::error(self.name(), message));
            }
            checks::indices(self.name(), what, indices, length)?;
        }
        checks::indices(self.name(), "ids", ids, vocabulary)?;
        if self.norm.is_some() {
            let [weight, bias] = checks::operands(self.name(), of_norm)?;
            checks::vector(self.name(), "weight", weight, hidden)?;
            checks::vector(self.name(), "bias", bias, hidden)?;
        }
        Ok([Dim::Tokens, Dim::Fixed(hidden)].into())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let (indices, tables) = ([0, 1, 2], [3, 4, 5]);
        let of = |places: [usize; 3]| places.map(|place| operands[place]);
        let sum = reference::embedding_sum(of(indices), of(tables));
        match self.norm {
            None => sum,
            Some(eps) => reference::layer_norm(&sum, operands[6], operands[7], eps),
        }
    }

    /// A sum that is normalised at once need not be stored.
    fn absorb(&self, _own: &Node, consumer: &Node) -> Option<Arc<dyn Operation>> {
        let consumer = consumer.operation.as_ref() as &dyn Any;
        let eps = consumer.downcast_ref::<Norm>()?.of_one_layer()?;
        let norm = self.norm.is_none().then_some(eps)?;
        Some(Arc::new(Self { norm: Some(norm) }))
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let hidden = request.fixed(3, 1);
        let (max_positions, max_types, eps) = (
            request.fixed(4, 0) as u32,
            request.fixed(5, 0) as u32,
            self.norm.unwrap_or(0.0),
        );
        let mut small = vec![4, 5];
        if self.norm.is_some() {
            small.extend([6, 7]);
        }
        let stored_as = request.weight_type.of_tables();
        let variant = |kernel, mut constants: Constants, tokens_per_workgroup: usize| {
            constants.push(("WEIGHT_BITS", stored_as.bits()));
            constants.push(("NORM", u32::from(self.norm.is_some())));
            Variant {
                kernel,
                constants,
                tile: None,
                bindings: vec![
                    Binding::Indices(vec![0, 1, 2]),
                    Binding::Table {
                        table: 3,
                        indices: 0,
                        stored_as,
                    },
                    Binding::Small(small.clone()),
                ],
                dispatch: Arc::new(move |sizes| {
                    let (tokens, hidden) = (sizes.tokens as u32, hidden as u32);
                    Dispatch::new(
                        sizes.tokens.div_ceil(tokens_per_workgroup),
                        &Params {
                            tokens,
                            hidden,
                            max_positions,
                            max_types,
                            eps,
                        },
                    )
                }),
            }
        };
        let capabilities = request.capabilities;
        let mut variants = vec![];
        if let Some(constants) = row_vec4(capabilities, hidden) {
            variants.push(variant(&EMBEDDING_SUM_VEC4, constants, 1));
        }
        let constants = row_lanes(capabilities, hidden);
        variants.push(variant(&EMBEDDING_SUM, constants, 1));
        let largest = capabilities.limits.max_texture_dimension_2d;
        let lanes = texture_lanes(capabilities, hidden);
        if let Some(lanes) = lanes.filter(|_| max_positions + max_types + 2 <= largest) {
            let constants = vec![("WORKGROUP_SIZE", lanes as u32)];
            variants.push(variant(&EMBEDDING_SUM_TEXTURE, constants, lanes));
        }
        variants.into_iter().map(Offer::from).collect()
    }
}

pub(super) static EMBEDDING_SUM: Kernel = Kernel {
    name: "embedding_sum",
    wgsl: include_str!("../../shaders/embedding_sum.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "COLUMNS_PER_LANE", "WEIGHT_BITS", "NORM"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static EMBEDDING_SUM_VEC4: Kernel = Kernel {
    name: "embedding_sum_vec4",
    wgsl: include_str!("../../shaders/embedding_sum_vec4.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "VECTORS_PER_LANE", "WEIGHT_BITS", "NORM"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static EMBEDDING_SUM_TEXTURE: Kernel = Kernel {
    name: "embedding_sum_texture",
    wgsl: include_str!("../../shaders/embedding_sum_texture.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Load, Access::Store],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "WEIGHT_BITS", "NORM"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    tokens: u32,
    hidden: u32,
    max_positions: u32,
    max_types: u32,
    eps: f32,
}
