use std::sync::Arc;

use super::checks;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, Source, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{DType, Dim, Shape, Sizes, Tensor};

impl Graph {
    /// How well each sequence answers a query, by late interaction (MaxSim; Khattab and Zaharia, 2020):
    /// `y[s] = sum over q of max over t of queries[q] · x[t]`, over the tokens t of sequence s; one without tokens gives 0.
    ///
    /// `queries`: an input `[queries, cols]` of as many rows in every run, of which any may be zeros; `x`:
    /// `[tokens, cols]`; `segment_offsets`: `[sequences + 1]`; the result: `[sequences, 1]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let queries = graph.input("queries", [Dim::Fixed(32), Dim::Fixed(128)]);
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(128)]);
    /// let segment_offsets = graph.segment_offsets();
    /// let y = graph.max_sim(queries, x, segment_offsets)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[sequences, 1]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn max_sim(
        &mut self,
        queries: TensorId,
        x: TensorId,
        segment_offsets: TensorId,
    ) -> Result<TensorId> {
        self.apply(Arc::new(MaxSim), &[queries, x, segment_offsets])
    }
}

/// `y[s] = sum over q of max over t of queries[q] · x[t]`
#[derive(Debug)]
struct MaxSim;

impl Operation for MaxSim {
    fn name(&self) -> &'static str {
        "max_sim"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [queries, x, segment_offsets] = checks::operands("max_sim", operands)?;
        let (rows, cols) = checks::rows_and_cols("max_sim", "x", x)?;
        let own = match *queries.shape.dims() {
            [Dim::Fixed(1..), Dim::Fixed(own)] => own,
            _ => 0,
        };
        let is_input = queries.dtype == DType::F32 && queries.source != Source::Parameter;
        if rows != Dim::Tokens || own != cols || !is_input {
            let message = format!(
                "takes an input [queries, cols] and [tokens, cols], was given {} and {}",
                queries.shape, x.shape
            );
            return Err(checks::error("max_sim", message));
        }
        checks::segments("max_sim", segment_offsets)?;
        Ok([Dim::Sequences, Dim::Fixed(1)].into())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::max_sim(operands[0], operands[1], operands[2])
    }

    fn flops(&self, operands: &[Vec<usize>], _result: &[usize], _sizes: &Sizes) -> Option<f64> {
        Some(2.0 * operands[0][0] as f64 * operands[1].iter().product::<usize>() as f64)
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (queries, cols) = (request.fixed(0, 0), request.fixed(0, 1));
        let variant = Variant {
            kernel: &MAX_SIM,
            constants: vec![],
            tile: None,
            bindings: (0..3).map(Binding::Operand).collect(),
            dispatch: Arc::new(move |sizes| {
                let params = Params {
                    sequences: sizes.sequences as u32,
                    queries: queries as u32,
                    cols: cols as u32,
                };
                Dispatch::new(sizes.sequences, &params)
            }),
        };
        vec![variant.into()]
    }
}

pub(super) static MAX_SIM: Kernel = Kernel {
    name: "max_sim",
    wgsl: include_str!("../../shaders/max_sim.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    sequences: u32,
    queries: u32,
    cols: u32,
}
