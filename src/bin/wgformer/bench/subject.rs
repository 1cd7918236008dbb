//! What is measured on every number of tokens: an operation of an encoder's layer, or attention by itself.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::Result;
use wgformer::Gpu;
use wgformer::graph::{Graph, TensorId};
use wgformer::tensor::Sizes;
use wgformer::verify::cases::{self, LAYER};
use wgformer::verify::{self, Candidate, Case, Values};

use super::shapes::{self, HEAD_DIMS, HEADS, Shape};
use crate::model_args::value_name;

/// Rows of one sequence, on which each kernel is verified first.
pub(super) const VERIFIED: usize = 37;

/// Sequences on which it is verified then, of more rows than the largest tile has.
const BATCH: [usize; 3] = [61, 17, 83];

/// Columns and heads' columns that keep the verification of so many rows short.
const NARROW: usize = 128;

/// A case of sequences of these lengths.
type Recipe = Box<dyn Fn(&[usize]) -> wgformer::Result<Case>>;

/// One operation of a shape, of any number of tokens.
pub(super) struct Subject {
    pub(super) shape: Shape,
    /// Among those of its shape.
    pub(super) place: usize,
    pub(super) case: Recipe,
    /// The same operation of few columns.
    narrow: Recipe,
    /// Of a case of any number of tokens, which tells their sizes without the values.
    graph: Graph,
    /// What it is called, whatever the number of tokens.
    pub(super) name: String,
    /// What is known of kernels, by their adapter, their names and how they vary.
    verdicts: RefCell<BTreeMap<(String, Key), Verdict>>,
}

/// The case that a kernel computes wrongly, if there is one.
type Verdict = Option<String>;

/// A kernel, and how it varies.
pub(super) type Key = (&'static str, String);

pub(super) fn key(candidate: &Candidate) -> Key {
    (candidate.variant().kernel.name, candidate.describe())
}

/// All of a shape.
///
/// # Errors
/// Those of a case.
pub(super) fn all(shape: Shape) -> Result<Vec<Subject>> {
    let recipes: Vec<[Recipe; 2]> = match shape.sizes() {
        Some(sizes) => (0..LAYER)
            .map(|place| [sizes, narrow(sizes)].map(|it| of_layer(it, place)))
            .collect(),
        None => HEAD_DIMS
            .map(|head_dim| [HEADS, 1].map(|heads| attention(heads, head_dim)))
            .into(),
    };
    let subjects = recipes.into_iter().enumerate().map(|(place, recipes)| {
        let [case, narrow] = recipes;
        let one = case(&[1])?;
        Ok(Subject {
            shape,
            place,
            graph: one.graph,
            name: of_any_tokens(&one.name),
            case,
            narrow,
            verdicts: RefCell::default(),
        })
    });
    subjects.collect()
}

fn of_layer(sizes: shapes::Sizes, place: usize) -> Recipe {
    let (hidden, heads, intermediate) = (sizes.hidden, sizes.heads, sizes.intermediate);
    Box::new(move |lengths| cases::of_layer(lengths, hidden, heads, intermediate)[place]())
}

/// With heads of as many columns, so that the same kernels are there.
fn narrow(sizes: shapes::Sizes) -> shapes::Sizes {
    let head_dim = sizes.hidden / sizes.heads;
    let heads = NARROW.div_ceil(head_dim);
    shapes::Sizes {
        hidden: heads * head_dim,
        heads,
        intermediate: 2 * heads * head_dim,
        ..sizes
    }
}

fn attention(heads: usize, head_dim: usize) -> Recipe {
    Box::new(move |lengths| cases::attention(lengths, heads, head_dim, 1.0, Values::Unit))
}

/// What is left of a size's name without the number of its tokens, with which it begins after the operation.
pub(super) fn of_any_tokens(size: &str) -> String {
    let (operation, rest) = size.split_once(' ').unwrap_or((size, ""));
    let ends = [" tokens", " x "].map(|end| rest.find(end).map(|place| place + end.len()));
    match ends.into_iter().flatten().min() {
        Some(end) => format!(
            "{operation}, {}",
            rest[end..].trim_start_matches([',', ' ', 'x'])
        ),
        None => size.to_owned(),
    }
}

impl Subject {
    /// About how many multiplications and additions a run on so many tokens does.
    pub(super) fn work(&self, tokens: usize) -> f64 {
        let sizes = sizes(&self.shape.lengths(tokens));
        let axes = |tensor: &TensorId| self.graph.tensor(*tensor).shape.resolve(&sizes);
        let nodes = self.graph.nodes().iter();
        let work = nodes.map(|node| {
            let operands: Vec<Vec<usize>> = node.inputs.iter().map(axes).collect();
            node.operation.work(&operands, &axes(&node.output), &sizes)
        });
        work.sum()
    }

    /// How many numbers there are, weights and inputs, in a case of so many tokens.
    pub(super) fn numbers(&self, tokens: usize) -> f64 {
        let sizes = sizes(&self.shape.lengths(tokens));
        let tensors = self.graph.tensors().iter();
        let elements: usize = tensors.map(|tensor| tensor.shape.elements(&sizes)).sum();
        elements as f64
    }

    /// What there was no time for, of so many tokens.
    pub(super) fn left_out(&self, tokens: usize) -> String {
        let shape = value_name(&self.shape);
        format!("{shape}: {}, of {tokens} tokens", self.name)
    }

    /// Whether a kernel computes this rightly on an adapter, if that was found out.
    pub(super) fn known(&self, gpu: &Gpu, candidate: &Candidate) -> Option<bool> {
        let verdicts = self.verdicts.borrow();
        verdicts.get(&on(gpu, candidate)).map(Option::is_none)
    }

    /// Whether it does, on few rows and then on a batch: found out once, whatever the number of tokens.
    ///
    /// # Errors
    /// If the device was lost.
    pub(super) fn is_right(&self, gpu: &Gpu, candidate: &Candidate) -> Result<bool> {
        if let Some(known) = self.known(gpu, candidate) {
            return Ok(known);
        }
        let own = key(candidate);
        let mut verdict = None;
        for case in self.checks(gpu, &own)? {
            let outcomes = verify::check_where(gpu, &case, |it| key(it) == own)?;
            if outcomes.iter().any(|outcome| outcome.failure.is_some()) {
                verdict = Some(case.name);
                break;
            }
        }
        let right = verdict.is_none();
        let mut verdicts = self.verdicts.borrow_mut();
        verdicts.insert(on(gpu, candidate), verdict);
        Ok(right)
    }

    /// What a kernel is verified on. The batch has few columns, or where the kernel is offered for none so few, its own.
    fn checks(&self, gpu: &Gpu, kernel: &Key) -> Result<[Case; 2]> {
        let few = (self.case)(&[VERIFIED])?;
        let narrow = (self.narrow)(&BATCH)?;
        let candidates = verify::candidates(gpu, &narrow);
        let batch = match candidates.iter().any(|it| key(it) == *kernel) {
            true => narrow,
            false => (self.case)(&BATCH)?,
        };
        Ok([few, batch])
    }

    /// Those that compute wrongly here, with the size that told.
    pub(super) fn wrong(&self) -> Vec<String> {
        let verdicts = self.verdicts.borrow();
        let wrong = verdicts.iter().filter_map(|((_, key), verdict)| {
            let ((kernel, variant), case) = (key, verdict.as_ref()?);
            Some(format!("{kernel} {variant}, {case}"))
        });
        wrong.collect()
    }
}

/// A kernel on an adapter, whichever of its devices.
fn on(gpu: &Gpu, candidate: &Candidate) -> (String, Key) {
    (gpu.capabilities().to_string(), key(candidate))
}

fn sizes(lengths: &[usize]) -> Sizes {
    Sizes {
        tokens: lengths.iter().sum(),
        sequences: lengths.len(),
        longest: lengths.iter().copied().max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use clap::ValueEnum;
    use wgformer::ops::Pooling;
    use wgformer::verify::cases::Epilogue;

    #[test]
    fn an_operation_has_one_name_for_any_tokens() {
        let unit = Values::Unit;
        let linear = |rows, columns| cases::linear([rows, columns, 384], Epilogue::default(), unit);
        type Recipe<'a> = &'a dyn Fn(&[usize]) -> wgformer::Result<Case>;
        let all: [Recipe; 7] = [
            &|it| cases::qkv_linear(it.iter().sum(), 12, 32, 0, true),
            &|it| linear(it.iter().sum(), 384),
            &|it| linear(it.iter().sum(), 1536),
            &|it| cases::attention(it, 12, 32, 1.0, unit),
            &|it| cases::layer_norm(it.iter().sum(), 384, unit, false),
            &|it| cases::softmax(it.iter().sum(), 384, unit),
            &|it| cases::pool(it, 384, Pooling::Mean, true, unit),
        ];
        let mut names = vec![];
        for case in all {
            let [few, many] = [&[16][..], &[197; 41]].map(|lengths| {
                let size = case(lengths).unwrap().name;
                of_any_tokens(&size)
            });
            assert_eq!(few, many);
            names.push(few);
        }
        let distinct: BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        assert_eq!(
            of_any_tokens("attention [16] tokens, 12 heads"),
            "attention, 12 heads"
        );
        assert_eq!(
            of_any_tokens("linear 16 x 384 x 8 + bias"),
            "linear, 384 x 8 + bias"
        );
        assert_eq!(
            of_any_tokens("pool [16] tokens x 384 Mean"),
            "pool, 384 Mean"
        );
    }

    #[test]
    fn every_kernel_is_verified_on_a_batch_of_more_rows_than_a_tile_too() {
        let gpu = Gpu::new().unwrap();
        for subject in Shape::value_variants()
            .iter()
            .copied()
            .flat_map(|it| all(it).unwrap())
        {
            let one = (subject.case)(&[1]).unwrap();
            for own in verify::candidates(&gpu, &one).iter().map(key) {
                let checks = subject.checks(&gpu, &own).unwrap();
                for case in &checks {
                    let mut candidates = verify::candidates(&gpu, case).into_iter();
                    assert!(
                        candidates.any(|it| key(&it) == own),
                        "{own:?}: {}",
                        case.name
                    );
                }
                let Sizes { tokens, .. } = checks[1].sizes;
                assert!(tokens > 128, "{own:?}: {}", checks[1].name);
                let is_packed = ["attention", "pool"].contains(&one.operation);
                assert!(!is_packed || checks[1].sizes.sequences == BATCH.len());
            }
        }
    }
}
