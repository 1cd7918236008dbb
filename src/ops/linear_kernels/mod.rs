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
use crate::kernel::{Access, Binding, Layout, Offer};
use crate::tensor::{Dim, WeightType};

pub(super) use padded::{K_MULTIPLE, PANEL};
pub(super) use padded::{
    LINEAR_COOPERATIVE_8, LINEAR_COOPERATIVE_16, LINEAR_SMALL, LINEAR_SUBGROUP, LINEAR_TILE,
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
}

/// One product: which operands are its weights, stacked along their rows, and its biases, and what follows.
/// Operand 0 is x.
pub(super) struct Projection {
    pub(super) weights: Vec<usize>,
    pub(super) biases: Vec<usize>,
    pub(super) epilogue: Epilogue,
}

impl Projection {
    /// What is added last, or multiplied by; without one, x is bound twice and read once.
    fn other(&self) -> Binding {
        Binding::Operand(self.epilogue.combine.map_or(0, |(_, operand)| operand))
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
    let vectors = [
        Some(problem.n),
        Some(problem.k),
        projection.epilogue.split_head_dim,
    ];
    let by_vectors = vectors.into_iter().flatten().all(|length| length % 4 == 0);

    let mut offers = vec![];
    if by_vectors {
        offers.extend(tile::offers(request, projection, &problem));
        // A CPU has no unit for them: there they come after what is quicker, for tests.
        let place = usize::from(request.capabilities.is_software());
        let cooperative = cooperative::offers(request, projection, &problem);
        offers.splice(place..place, cooperative);
        offers.extend(texture::offer(request, projection, &problem));
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
fn bindings(request: &Request<'_>, projection: &Projection, layout: Layout) -> Vec<Binding> {
    let weight = Binding::Matrix {
        operands: projection.weights.clone(),
        stored_as: request.weight_type,
        layout,
    };
    vec![
        Binding::Operand(0),
        Binding::Together(vec![
            weight,
            scales(request, projection),
            Binding::Small(projection.biases.clone()),
        ]),
        projection.other(),
    ]
}

/// Nothing, unless weights are integers.
fn scales(request: &Request<'_>, projection: &Projection) -> Binding {
    match request.weight_type {
        WeightType::I8 => Binding::Scales(projection.weights.clone()),
        WeightType::F32 | WeightType::F16 => Binding::Small(vec![]),
    }
}

/// The epilogue as numbers in `Params`: it is chosen while a kernel on buffers runs, so that all linear layers of a model
/// share a pipeline.
#[derive(Clone, Copy)]
struct Flags {
    bias: u32,
    activation: u32,
    other: u32,
    split_head_dim: u32,
}

impl Flags {
    fn of(projection: &Projection) -> Self {
        let epilogue = &projection.epilogue;
        Self {
            bias: u32::from(!projection.biases.is_empty()),
            activation: epilogue.activation(),
            other: epilogue.other(),
            split_head_dim: epilogue.split_head_dim.unwrap_or(0) as u32,
        }
    }
}

/// `x`: `[rows, k]`
pub(super) fn work(x: &[usize], result: &[usize]) -> f64 {
    let k = x[x.len() - 1];
    2.0 * k as f64 * result.iter().product::<usize>() as f64
}
