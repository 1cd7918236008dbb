use std::sync::Arc;

use super::checks;
use super::row_lanes::texture_lanes;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Constants, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Dim, Shape, Tensor};

impl Graph {
    /// Each token beside its neighbours, column by column: `y[t, c * size + j] = x[t + j - size / 2, c]`, and 0 where that
    /// is outside of t's own sequence.
    ///
    /// A linear layer of it is a convolution over the tokens of each sequence: the weight of PyTorch's `Conv1d`,
    /// `[out, cols, size]`, lies in memory as that of a linear layer, `[out, cols * size]`.
    ///
    /// `x`: `[tokens, cols]`; `segment_offsets`: `[sequences + 1]`; `size`: how many tokens are side by side, odd; the
    /// result: `[tokens, cols * size]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let segment_offsets = graph.segment_offsets();
    /// let neighbours = graph.unfold(x, segment_offsets, 3)?;
    /// assert_eq!(graph.tensor(neighbours).shape.to_string(), "[tokens, 24]");
    ///
    /// let weight = graph.parameter("conv.weight", [4, 8 * 3]); // of a convolution, [4, 8, 3]
    /// let y = graph.linear(neighbours, weight, None)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 4]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together, or `size` is even.
    pub fn unfold(
        &mut self,
        x: TensorId,
        segment_offsets: TensorId,
        size: usize,
    ) -> Result<TensorId> {
        self.apply(Arc::new(Unfold { size }), &[x, segment_offsets])
    }
}

/// `y[t, c * size + j] = x[t + j - size / 2, c]`
#[derive(Debug)]
struct Unfold {
    size: usize,
}

impl Operation for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [x, segment_offsets] = checks::operands(self.name(), operands)?;
        let error = |message| Err(checks::error(self.name(), message));
        let (rows, cols) = checks::rows_and_cols(self.name(), "x", x)?;
        if rows != Dim::Tokens {
            return error(format!("x must be [tokens, cols], is {}", x.shape));
        }
        checks::segments(self.name(), segment_offsets)?;
        let size = self.size;
        if size.is_multiple_of(2) {
            return error(format!(
                "size must be odd, as many neighbours before a token as behind it, is {size}"
            ));
        }
        match cols.checked_mul(size) {
            Some(cols) => Ok([Dim::Tokens, Dim::Fixed(cols)].into()),
            None => error(format!("{size} tokens of {cols} columns are too many")),
        }
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::unfold(operands[0], operands[1], self.size)
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (cols, size) = (request.fixed(0, 1), self.size);
        let variant = |kernel, constants: Constants, tokens_per_workgroup: usize| Variant {
            kernel,
            constants,
            tile: None,
            bindings: vec![Binding::Operand(0), Binding::Operand(1)],
            dispatch: Arc::new(move |sizes| {
                let tiles = sizes.longest.div_ceil(tokens_per_workgroup);
                let params = Params {
                    sequences: sizes.sequences as u32,
                    tiles: tiles as u32,
                    cols: cols as u32,
                    size: size as u32,
                };
                Dispatch::new(sizes.sequences * tiles, &params)
            }),
        };
        let on_buffers = variant(&UNFOLD, vec![], 1);
        let on_textures = texture_lanes(request.capabilities, cols).map(|lanes| {
            let constants = vec![("WORKGROUP_SIZE", lanes as u32)];
            variant(&UNFOLD_TEXTURE, constants, lanes)
        });
        [on_buffers]
            .into_iter()
            .chain(on_textures)
            .map(Offer::from)
            .collect()
    }
}

pub(super) static UNFOLD: Kernel = Kernel {
    name: "unfold",
    wgsl: include_str!("../../shaders/unfold.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static UNFOLD_TEXTURE: Kernel = Kernel {
    name: "unfold_texture",
    wgsl: include_str!("../../shaders/unfold_texture.wgsl"),
    bindings: &[Access::Load, Access::Read, Access::Store],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    sequences: u32,
    tiles: u32,
    cols: u32,
    size: u32,
}
