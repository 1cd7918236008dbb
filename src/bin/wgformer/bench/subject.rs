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

/// Rows on which each kernel is verified first.
pub(super) const VERIFIED: usize = 37;

/// A case of sequences of these lengths.
type Recipe = Box<dyn Fn(&[usize]) -> wgformer::Result<Case>>;

/// One operation of a shape, of any number of tokens.
pub(super) struct Subject {
    pub(super) shape: Shape,
    /// Among those of its shape.
    pub(super) place: usize,
    pub(super) case: Recipe,
    /// Of a case of any number of tokens, which tells their sizes without the values.
    graph: Graph,
    /// What it is called.
    pub(super) operation: &'static str,
    /// Whether kernels compute it rightly here, by their names and how they vary, once that is known.
    right: RefCell<BTreeMap<Key, bool>>,
}

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
    let recipes: Vec<Recipe> = match shape.sizes() {
        Some(sizes) => (0..LAYER).map(|place| of_layer(sizes, place)).collect(),
        None => HEAD_DIMS.map(attention).into(),
    };
    let subjects = recipes.into_iter().enumerate().map(|(place, case)| {
        let one = case(&[1])?;
        Ok(Subject {
            shape,
            place,
            graph: one.graph,
            operation: one.operation,
            case,
            right: RefCell::default(),
        })
    });
    subjects.collect()
}

fn of_layer(sizes: shapes::Sizes, place: usize) -> Recipe {
    let (hidden, heads, intermediate) = (sizes.hidden, sizes.heads, sizes.intermediate);
    Box::new(move |lengths| cases::of_layer(lengths, hidden, heads, intermediate)[place]())
}

fn attention(head_dim: usize) -> Recipe {
    Box::new(move |lengths| cases::attention(lengths, HEADS, head_dim, 1.0, Values::Unit))
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

    /// Whether a kernel computes this rightly here, if that was found out.
    pub(super) fn known(&self, candidate: &Candidate) -> Option<bool> {
        self.right.borrow().get(&key(candidate)).copied()
    }

    /// Whether it does, on few rows: found out once, whatever the number of tokens.
    ///
    /// # Errors
    /// If the device was lost.
    pub(super) fn is_right(&self, gpu: &Gpu, candidate: &Candidate) -> Result<bool> {
        if let Some(known) = self.known(candidate) {
            return Ok(known);
        }
        let own = key(candidate);
        let small = (self.case)(&[VERIFIED])?;
        let outcomes = verify::check_where(gpu, &small, |it| key(it) == own)?;
        let right = outcomes.iter().all(|outcome| outcome.failure.is_none());
        self.right.borrow_mut().insert(own, right);
        Ok(right)
    }

    /// Those that compute wrongly here, with the size that told.
    ///
    /// # Errors
    /// Those of a case.
    pub(super) fn wrong(&self) -> Result<Vec<String>> {
        let right = self.right.borrow();
        let wrong = right.iter().filter(|(_, right)| !**right);
        let named = wrong.map(|((kernel, variant), _)| {
            let name = (self.case)(&[VERIFIED])?.name;
            Ok(format!("{kernel} {variant}, {name}"))
        });
        named.collect()
    }
}

fn sizes(lengths: &[usize]) -> Sizes {
    Sizes {
        tokens: lengths.iter().sum(),
        sequences: lengths.len(),
        longest: lengths.iter().copied().max().unwrap_or(0),
    }
}
