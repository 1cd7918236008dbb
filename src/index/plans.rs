use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::rows::{filled_up, name};
use super::{Index, Rows};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::ops::MAX_K;
use crate::plan::{Plan, PlanOptions};
use crate::tensor::{Dim, Sizes};

/// The fewest hits that a plan is compiled for.
const FEWEST_HITS: usize = 16;

/// The most queries of one run, and the most bytes that any of its activations may take.
const MOST_QUERIES: u64 = 256;
const MOST_BYTES: u64 = 16 << 20;

/// The index on the device: a plan for each power of two of hits that was asked for, all of which share the vectors.
#[derive(Default)]
pub(super) struct Plans {
    /// How many vectors they are of.
    rows: usize,
    by_hits: BTreeMap<usize, Arc<Plan>>,
}

impl Plans {
    pub(super) fn device_bytes(&self) -> u64 {
        Plan::weight_bytes_of(self.iter())
    }

    fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.by_hits.values().map(Arc::as_ref)
    }
}

impl Index {
    /// Brings the vectors that were added since to the device, so that the next search need not.
    ///
    /// # Errors
    /// As [`Plan::compile`], for the device.
    pub fn upload(&self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        self.plan(1).map(drop)
    }

    pub(super) fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan that finds at least `hits` for each query, at least 1 and at most as many as there are vectors, and the
    /// number that it finds.
    pub(super) fn plan(&self, hits: usize) -> Result<(Arc<Plan>, usize)> {
        if hits > MAX_K {
            return Err(Error::Limit {
                thing: "a search".to_owned(),
                needed: hits as u64,
                allowed: MAX_K as u64,
                unit: "hits",
                advice: "ask for fewer",
            });
        }
        let hits = hits.next_power_of_two().max(FEWEST_HITS);
        let mut plans = self.plans();
        if plans.rows == self.len() {
            if let Some(plan) = plans.by_hits.get(&hits) {
                return Ok((Arc::clone(plan), hits));
            }
        }
        let plan = Arc::new(self.compile(&plans, hits)?);
        if plans.rows != self.len() {
            plans.by_hits.clear();
            plans.rows = self.len();
        }
        plans.by_hits.insert(hits, Arc::clone(&plan));
        Ok((plan, hits))
    }

    /// Beside those there are: what they have on the device, this one need not bring.
    fn compile(&self, there: &Plans, hits: usize) -> Result<Plan> {
        let queries = self.most_queries(hits)?;
        let mut options = PlanOptions::new(sizes(queries));
        options.weight_type = self.weight_type;
        let graph = graph(&self.rows, hits)?;
        let rows = Arc::clone(&self.rows) as _; // which the plan lets go of
        Plan::compile_beside(there.iter(), &self.gpu, &graph, rows, &options)
    }

    /// How many queries fit one run: each has a slice's scores, and its best twice, as scores and places.
    fn most_queries(&self, hits: usize) -> Result<usize> {
        let widest = [self.rows.most_rows(), self.rows.cols(), 2 * hits];
        let needed = 4 * widest.into_iter().max().unwrap_or(1) as u64;
        let allowed = self.gpu.capabilities().largest_binding();
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
}

/// The counts of a run of so many queries.
pub(super) fn sizes(queries: usize) -> Sizes {
    Sizes {
        tokens: queries,
        sequences: 1,
        longest: queries,
    }
}

/// Slice after slice: scores, then the best of them and of those before.
fn graph(rows: &Rows, hits: usize) -> Result<Graph> {
    let mut graph = Graph::new();
    let cols = rows.cols();
    let queries = graph.input("queries", [Dim::Tokens, Dim::Fixed(cols)]);
    let mut best = None;
    for slice in rows.slices() {
        let vectors = graph.parameter(&name(&slice), [filled_up(slice.len()), cols]);
        let scores = graph.linear(queries, vectors, None)?;
        best = Some(graph.top_k(scores, best, slice, hits)?);
    }
    Ok(graph)
}
