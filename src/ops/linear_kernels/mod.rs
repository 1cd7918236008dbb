//! The kernels behind every linear layer. All of them but the cooperative ones add a row's products one after another,
//! k increasing, by `fma` in f32, so they give the same bits.

mod cooperative;
mod padded;
mod plain;
mod subgroup;
mod texture;
mod tile;

use super::{Activation, activation, checks};
use crate::error::Result;
use crate::graph::{Request, TensorInfo};
use crate::kernel::{Access, Binding, Layout, Offer, Pairs};
use crate::tensor::{Dim, WeightType};

pub(super) use padded::{K_MULTIPLE, PANEL};
pub(super) use padded::{
    LINEAR_COLUMN, LINEAR_COOPERATIVE_8, LINEAR_COOPERATIVE_16, LINEAR_SMALL, LINEAR_SUBGROUP,
    LINEAR_TILE,
};
pub(super) use plain::LINEAR;
pub(super) use texture::LINEAR_TEXTURE;

/// What is done with another tensor of the result's shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Combine {
    /// It is added.
    Add,
    /// The result is multiplied by it, element by element.
    Multiply,
}

/// What is done to a sum before it is stored.
pub(super) struct Epilogue {
    pub(super) activation: Option<Activation>,
    /// What is done last, and with which operand.
    pub(super) combine: Option<(Combine, usize)>,
    /// Write query, key and value apart, each contiguous per head of this size.
    pub(super) split_head_dim: Option<usize>,
    /// Turn query and key.
    pub(super) rotations: Option<Rotations>,
    /// Of two weights, multiply what the second gives by the activation of what the first gives.
    pub(super) gated: bool,
}

/// By what query and key are turned.
#[derive(Clone, Copy)]
pub(super) struct Rotations {
    pub(super) operand: usize,
    /// How many of a head's columns are.
    pub(super) rotated: usize,
}

impl Epilogue {
    /// The activation as shaders know it.
    fn activation(&self) -> u32 {
        self.activation.map_or(0, activation::number)
    }

    /// The last step as shaders know it.
    fn other(&self) -> u32 {
        match self.combine {
            None => 0,
            Some((Combine::Add, _)) => 1,
            Some((Combine::Multiply, _)) => 2,
        }
    }

    /// How many of a head's columns are turned.
    fn rotated(&self) -> usize {
        self.rotations.map_or(0, |it| it.rotated)
    }
}

/// One product: which operands are its weights, stacked along their rows, and its biases, and what follows.
/// Operand 0 is x.
pub(super) struct Projection {
    pub(super) weights: Vec<usize>,
    pub(super) biases: Vec<usize>,
    pub(super) epilogue: Epilogue,
}

impl Projection {
    /// What is added last, or multiplied by, or turns; without one, x is bound twice and read once.
    fn other(&self) -> Binding {
        let combined = self.epilogue.combine.map(|(_, operand)| operand);
        let turning = self.epilogue.rotations.map(|it| it.operand);
        Binding::Operand(combined.or(turning).unwrap_or(0))
    }

    /// One of the bindings of weights, `run` columns before those that they are gates of or turned with: one lane has
    /// both.
    fn paired(&self, run: usize, problem: &Problem, binding: Binding) -> Binding {
        let Epilogue {
            split_head_dim,
            rotations,
            gated,
            ..
        } = self.epilogue;
        let pairs = match (rotations, split_head_dim) {
            (Some(Rotations { rotated, .. }), Some(head_dim)) => Pairs {
                rows: problem.n / 3 * 2, // of query and key
                block: head_dim,
                paired: rotated,
                run,
            },
            _ if gated => Pairs {
                rows: problem.n,
                block: problem.n,
                paired: problem.n,
                run,
            },
            _ => return binding,
        };
        Binding::Paired(pairs, Box::new(binding))
    }
}

/// The result's rows and, for one weight, its columns.
pub(super) fn infer(
    operation: &'static str,
    x: &TensorInfo,
    weight: &TensorInfo,
) -> Result<(Dim, usize)> {
    let (rows, k) = checks::rows_and_cols(operation, "x", x)?;
    let (n, weight_k) = checks::matrix(operation, "weight", weight)?;
    if k != weight_k {
        let message = format!(
            "inner dimensions differ: x {}, weight {}",
            x.shape, weight.shape
        );
        return Err(checks::error(operation, message));
    }
    Ok((rows, n))
}

/// Every way that is right for these shapes on this adapter, the best first for each storage.
pub(super) fn offers(request: &Request<'_>, projection: &Projection) -> Vec<Offer> {
    let problem = Problem {
        rows: request.dims(0)[0],
        n: projection
            .weights
            .iter()
            .map(|weight| request.fixed(*weight, 0))
            .sum(),
        k: request.fixed(0, 1),
    };
    let epilogue = &projection.epilogue;
    let vectors = [
        problem.n / if epilogue.gated { 2 } else { 1 },
        problem.k,
        epilogue.split_head_dim.unwrap_or(0),
        epilogue.rotated(),
    ];
    let by_vectors = vectors.iter().all(|length| length % 4 == 0);

    let mut offers = vec![];
    if by_vectors {
        offers.extend(tile::offers(request, projection, &problem));
        let place = usize::from(!cooperative::are_better(request));
        let cooperative = cooperative::offers(request, projection, &problem);
        offers.splice(place..place, cooperative);
        offers.extend(texture::offers(request, projection, &problem));
        offers.extend(subgroup::offer(request, projection, &problem));
    }
    offers.push(plain::offer(request, projection, &problem));
    offers
}

/// `y[rows, n] = x[rows, k] · weight[n, k]^T`
#[derive(Clone, Copy)]
struct Problem {
    rows: Dim,
    n: usize,
    k: usize,
}

/// What the kernels on buffers bind: x, the weight and what follows it, the other operand, y.
const BINDINGS: &[Access] = &[Access::Read, Access::Read, Access::Read, Access::ReadWrite];

/// What fills them.
fn bindings(projection: &Projection, parameters: [Binding; 3]) -> Vec<Binding> {
    vec![
        Binding::Operand(0),
        Binding::Together(parameters.into()),
        projection.other(),
    ]
}

/// The weight, its scales, which are nothing unless it is of integers, and the bias.
fn parameters(request: &Request<'_>, projection: &Projection, layout: Layout) -> [Binding; 3] {
    let weight = Binding::Matrix {
        operands: projection.weights.clone(),
        stored_as: request.weight_type,
        layout,
    };
    let scales = match request.weight_type {
        WeightType::I8 => Binding::Scales(projection.weights.clone()),
        WeightType::F32 | WeightType::F16 => Binding::Small(vec![]),
    };
    [weight, scales, Binding::Small(projection.biases.clone())]
}

/// The epilogue as numbers in `Params`: it is chosen while a kernel on buffers runs, so that all linear layers of a model
/// share a pipeline.
#[derive(Clone, Copy)]
struct Flags {
    bias: u32,
    activation: u32,
    other: u32,
    split_head_dim: u32,
    rotated: u32,
    gated: u32,
}

impl Flags {
    fn of(projection: &Projection) -> Self {
        let epilogue = &projection.epilogue;
        Self {
            bias: u32::from(!projection.biases.is_empty()),
            activation: epilogue.activation(),
            other: epilogue.other(),
            split_head_dim: epilogue.split_head_dim.unwrap_or(0) as u32,
            rotated: epilogue.rotated() as u32,
            gated: u32::from(epilogue.gated),
        }
    }
}

/// `x`: `[rows, k]`
pub(super) fn flops(x: &[usize], result: &[usize]) -> f64 {
    let k = x[x.len() - 1];
    2.0 * k as f64 * result.iter().product::<usize>() as f64
}
