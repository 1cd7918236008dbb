use super::IndexOptions;
use super::slicing::{Slicing, filled_up, name};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::ops::MAX_K;
use crate::plan::{Memory, Plan, PlanOptions};
use crate::tensor::{Dim, Sizes};

/// The fewest hits that a plan is compiled for.
pub(super) const FEWEST_HITS: usize = 16;

/// The most queries of one run, and the most bytes that any of its activations may take.
const MOST_QUERIES: u64 = 256;
const MOST_BYTES: u64 = 16 << 20;

/// A search before it is compiled.
pub(super) struct Prepared {
    pub(super) graph: Graph,
    pub(super) options: PlanOptions,
}

/// For how many hits a plan is that finds so many.
///
/// # Errors
/// [`Error::Limit`] if there is none.
pub(super) fn hits_of_a_plan(hits: usize) -> Result<usize> {
    if hits <= MAX_K {
        return Ok(hits.next_power_of_two().max(FEWEST_HITS));
    }
    Err(Error::Limit {
        thing: "a search".to_owned(),
        needed: hits as u64,
        allowed: MAX_K as u64,
        unit: "hits",
        advice: "ask for fewer",
    })
}

/// The counts of a run of so many queries.
pub(super) fn sizes(queries: usize) -> Sizes {
    Sizes {
        tokens: queries,
        sequences: 1,
        longest: queries,
    }
}

impl Prepared {
    /// Among so many vectors, for as many queries at once as the device's limits and the budget allow.
    ///
    /// # Errors
    /// [`Error::Limit`] if there is no room for a single one.
    pub(super) fn new(
        gpu: &Gpu,
        slicing: Slicing,
        hits: usize,
        options: &IndexOptions,
    ) -> Result<Self> {
        let queries = most_queries(gpu, slicing, hits)?;
        let mut prepared = Self {
            graph: graph(slicing, hits)?,
            options: plan_options(queries, options),
        };
        let Some(budget) = options.memory_budget else {
            return Ok(prepared);
        };
        let fewer = |queries: &usize| (*queries > 1).then_some(queries / 2);
        let mut needed = 0;
        for queries in std::iter::successors(Some(queries), fewer) {
            prepared.options = plan_options(queries, options);
            needed = prepared.memory(gpu)?.total();
            if needed <= budget {
                return Ok(prepared);
            }
        }
        Err(Error::Limit {
            thing: format!(
                "an index of {} vectors, searched for {hits} hits,",
                slicing.count
            ),
            needed,
            allowed: budget,
            unit: "bytes of memory",
            advice: "raise the memory budget, store vectors as f16 or int8, or ask for fewer hits",
        })
    }

    /// What its plan takes, with one run.
    pub(super) fn memory(&self, gpu: &Gpu) -> Result<Memory> {
        Plan::memory_needed(gpu, &self.graph, &self.options)
    }
}

fn plan_options(queries: usize, options: &IndexOptions) -> PlanOptions {
    PlanOptions {
        weight_type: options.weight_type,
        memory_budget: options.memory_budget,
        submit_time: options.submit_time,
        ..PlanOptions::new(sizes(queries))
    }
}

/// How many queries fit one run: each has a slice's scores, and its best twice, as scores and places.
fn most_queries(gpu: &Gpu, slicing: Slicing, hits: usize) -> Result<usize> {
    let widest = [slicing.most_rows(), slicing.cols(), 2 * hits];
    let needed = 4 * widest.into_iter().max().unwrap_or(1) as u64;
    let allowed = gpu.capabilities().largest_binding();
    if needed > allowed {
        return Err(Error::Limit {
            thing: format!("a search for {hits} hits"),
            needed,
            allowed,
            unit: "bytes in one buffer",
            advice: "ask for fewer, or use an adapter with a larger limit",
        });
    }
    let queries = (allowed.min(MOST_BYTES) / needed).clamp(1, MOST_QUERIES);
    Ok(queries as usize)
}

/// Slice after slice: scores, then the best of them and of those before.
fn graph(slicing: Slicing, hits: usize) -> Result<Graph> {
    let mut graph = Graph::new();
    let cols = slicing.cols();
    let queries = graph.input("queries", [Dim::Tokens, Dim::Fixed(cols)]);
    let mut best = None;
    for slice in slicing.slices() {
        let vectors = graph.parameter(&name(&slice), [filled_up(slice.len()), cols]);
        let scores = graph.linear(queries, vectors, None)?;
        best = Some(graph.top_k(scores, best, slice, hits)?);
    }
    Ok(graph)
}
