use std::ops::Range;
use std::sync::Arc;

use super::checks;
use super::row_lanes::texture_lanes;
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Dim, Shape, Sizes, Tensor};

/// Places are written as f32, which holds every integer up to this.
pub(crate) const MAX_PLACES: usize = 1 << 24;

/// The largest k, and the most columns that count: what a workgroup gets through on any adapter ([`MOST_ROUNDS`]).
pub(crate) const MAX_K: usize = 1 << 20;

/// lavapipe ends all loops of an invocation once they have gone round 65,535 times in all.
const MOST_ROUNDS: usize = 65_535;

impl Graph {
    /// Of each row the `k` largest scores with their places, of those in `best` and of the row's own, in the order in
    /// which they stand; of equal ones the earlier are taken. A chain of these goes through any number of columns with
    /// no more than a part of them in memory at a time.
    ///
    /// `scores`: `[rows, cols]`, finite; column c stands at `places.start + c`, and those at or beyond `places.end` do
    /// not count. `best`: the result for what stands before. The result: `[rows, 2 * k]`, `k` scores and then their
    /// `k` places; where there are fewer than `k`, the rest, in front, are [`f32::MIN`] at -1.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let scores = graph.input("scores", [Dim::Tokens, Dim::Fixed(100)]);
    /// let best = graph.top_k(scores, None, 0..100, 10)?;
    /// let others = graph.input("others", [Dim::Tokens, Dim::Fixed(100)]);
    /// let best = graph.top_k(others, Some(best), 100..200, 10)?;
    /// assert_eq!(graph.tensor(best).shape.to_string(), "[tokens, 20]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together, `k` or the columns that count are more than 2^20, or a place
    /// is 2^24 or more.
    pub fn top_k(
        &mut self,
        scores: TensorId,
        best: Option<TensorId>,
        places: Range<usize>,
        k: usize,
    ) -> Result<TensorId> {
        let operation = TopK {
            k,
            places,
            best: best.is_some(),
        };
        let operands: Vec<TensorId> = [Some(scores), best].into_iter().flatten().collect();
        self.apply(Arc::new(operation), &operands)
    }
}

/// The `k` largest of each row and of the best before; operands: scores, best if it is set.
#[derive(Debug)]
struct TopK {
    k: usize,
    places: Range<usize>,
    best: bool,
}

impl TopK {
    /// How many columns count.
    fn count(&self) -> usize {
        self.places.len()
    }
}

impl Operation for TopK {
    fn name(&self) -> &'static str {
        "top_k"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let error = |message| Err(checks::error("top_k", message));
        let (scores, best) = match (operands, self.best) {
            ([scores], false) => (scores, None),
            ([scores, best], true) => (scores, Some(best)),
            _ => {
                let expected = 1 + usize::from(self.best);
                return error(format!(
                    "takes {expected} operands, was given {}",
                    operands.len()
                ));
            }
        };
        let (rows, cols) = checks::rows_and_cols("top_k", "scores", scores)?;
        let Range { start, end } = self.places;
        if self.k == 0 || self.k > MAX_K {
            return error(format!("k is {}, must be 1 to {MAX_K}", self.k));
        }
        if start >= end || end > MAX_PLACES || self.count() > cols.min(MAX_K) {
            return error(format!(
                "places {start}..{end} must be 1 to {}, of scores {}, and below {MAX_PLACES}",
                cols.min(MAX_K),
                scores.shape
            ));
        }
        let shape: Shape = [rows, Dim::Fixed(2 * self.k)].into();
        if let Some(best) = best {
            checks::rows_and_cols("top_k", "best", best)?;
            if best.shape != shape {
                return error(format!("best must be {shape}, is {}", best.shape));
            }
        }
        Ok(shape)
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::top_k(operands[0], operands.get(1).copied(), &self.places, self.k)
    }

    /// Scores are read six times, which costs what a few multiplications of each would.
    fn work(&self, operands: &[Vec<usize>], _result: &[usize], _sizes: &Sizes) -> f64 {
        64.0 * operands[0].iter().product::<usize>() as f64
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (rows, cols) = (request.dims(0)[0], request.fixed(0, 1));
        let (count, first, k) = (self.count(), self.places.start, self.k);
        let best = u32::from(self.best);
        let variant = |kernel, workgroup_size: usize, rows_per_workgroup: usize| Variant {
            kernel,
            constants: vec![("WORKGROUP_SIZE", workgroup_size as u32)],
            tile: None,
            bindings: vec![
                Binding::Operand(0),
                if self.best {
                    Binding::Operand(1)
                } else {
                    Binding::Small(vec![])
                },
            ],
            dispatch: Arc::new(move |sizes| {
                let rows = rows.resolve(sizes);
                let params = Params {
                    rows: rows as u32,
                    cols: cols as u32,
                    count: count as u32,
                    first: first as u32,
                    k: k as u32,
                    best,
                };
                Dispatch::new(rows.div_ceil(rows_per_workgroup), &params)
            }),
        };
        let capabilities = request.capabilities;
        let on_buffers = variant(&TOP_K, lanes(capabilities, k + count), 1);
        let histograms = capabilities.limits.max_compute_workgroup_storage_size / HISTOGRAM_BYTES;
        let histograms = (histograms as usize).min(16);
        let rounds = 6 * k + 12 * count.div_ceil(4) + 8 * 256; // of the loops of one lane
        let on_textures = texture_lanes(capabilities, cols)
            .filter(|_| rounds <= MOST_ROUNDS)
            .map(|lanes| lanes.min(histograms))
            .map(|lanes| variant(&TOP_K_TEXTURE, lanes, lanes));
        let variants = [on_buffers].into_iter().chain(on_textures);
        variants.map(Offer::from).collect()
    }
}

/// Each lane of the kernel on textures has one in workgroup memory.
const HISTOGRAM_BYTES: u32 = 1024;

/// Of the workgroup of a row with so many candidates: on a CPU about a subgroup's worth, since barriers cost more there
/// than longer loops, but so many that a lane goes round its six loops less than [`MOST_ROUNDS`] times in all.
fn lanes(capabilities: &Capabilities, candidates: usize) -> usize {
    let (a_lane, fewest) = if capabilities.is_software() {
        (8192, 8)
    } else {
        (16, 64)
    };
    let lanes = candidates.div_ceil(a_lane).next_power_of_two();
    lanes.clamp(fewest, 256)
}

pub(super) static TOP_K: Kernel = Kernel {
    name: "top_k",
    wgsl: include_str!("../../shaders/top_k.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static TOP_K_TEXTURE: Kernel = Kernel {
    name: "top_k_texture",
    wgsl: include_str!("../../shaders/top_k_texture.wgsl"),
    bindings: &[Access::Load, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    rows: u32,
    cols: u32,
    count: u32,
    first: u32,
    k: u32,
    best: u32,
}
