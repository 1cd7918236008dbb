//! The scores of late interaction, computed on the device.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Result;
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::models::ModelOptions;
use crate::plan::{Memory, Plan, PlanOptions, Value};
use crate::tensor::{Dim, Sizes, Tensor};

/// Queries of a run; a longer one goes in parts, and zeros fill up a shorter one.
const ROWS: usize = 32;

/// The most documents of a run.
const MAX_DOCUMENTS: usize = 1024;

/// Compares a query's vectors with those of documents.
#[derive(Clone, Debug)]
pub(super) struct MaxSim {
    plan: Arc<Plan>,
    columns: usize,
}

impl MaxSim {
    /// `longest`: the most vectors of a document.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub(super) fn compile(
        gpu: &Gpu,
        columns: usize,
        longest: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let mut of_plan = plan_options(longest, options);
        if options.memory_budget.is_some() {
            let needed = needed(gpu, columns, longest, options)?;
            of_plan = of_plan.memory_budget(needed.total()); // one run at a time
        }
        let none: HashMap<String, Tensor> = HashMap::new();
        let plan = Plan::compile(gpu, &graph(columns)?, Arc::new(none), &of_plan)?;
        Ok(Self {
            plan: Arc::new(plan),
            columns,
        })
    }

    /// The sum over the query's vectors of the best product with any of a document's, for each document.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub(super) async fn scores(&self, query: &[f32], documents: &[&[f32]]) -> Result<Vec<f32>> {
        let mut scores = vec![0.0; documents.len()];
        for part in query.chunks(ROWS * self.columns) {
            let mut rows = part.to_vec();
            rows.resize(ROWS * self.columns, 0.0);
            let mut first = 0;
            while first < documents.len() {
                let batch = self.batch(&documents[first..]);
                let found = self.run(&rows, batch).await?;
                for (score, found) in scores[first..].iter_mut().zip(found) {
                    *score += found;
                }
                first += batch.len();
            }
        }
        Ok(scores)
    }

    /// As [`Plan::warm_up_async`].
    pub(super) async fn warm_up(&self) -> Result<()> {
        self.plan.warm_up_async().await
    }

    pub(super) fn memory(&self) -> Memory {
        self.plan.memory()
    }

    /// As many of the documents, from the first on, as one run takes; at least one.
    fn batch<'a, 'b>(&self, documents: &'b [&'a [f32]]) -> &'b [&'a [f32]] {
        let capacity = self.plan.capacity();
        let mut values = 0;
        let fits = documents.iter().take(capacity.sequences).take_while(|it| {
            values += it.len();
            values <= capacity.tokens * self.columns
        });
        &documents[..fits.count().max(1)]
    }

    async fn run(&self, rows: &[f32], documents: &[&[f32]]) -> Result<Vec<f32>> {
        let mut offsets = vec![0];
        offsets.extend(documents.iter().scan(0, |end, it| {
            *end += (it.len() / self.columns) as u32;
            Some(*end)
        }));
        let vectors = documents.concat();
        let values = [Value::F32(rows), Value::F32(&vectors), Value::U32(&offsets)];
        let sizes = Sizes::from_segments(&offsets);
        self.plan.run_async(&sizes, &values).await
    }
}

/// What it takes, with one run.
///
/// # Errors
/// As [`MaxSim::compile`].
pub(super) fn needed(
    gpu: &Gpu,
    columns: usize,
    longest: usize,
    options: &ModelOptions,
) -> Result<Memory> {
    let options = plan_options(longest, options);
    Plan::memory_needed(gpu, &graph(columns)?, &options)
}

fn graph(columns: usize) -> Result<Graph> {
    let mut graph = Graph::new();
    let queries = graph.input("queries", [Dim::Fixed(ROWS), Dim::Fixed(columns)]);
    let vectors = graph.input("vectors", [Dim::Tokens, Dim::Fixed(columns)]);
    let segment_offsets = graph.segment_offsets();
    graph.max_sim(queries, vectors, segment_offsets)?;
    Ok(graph)
}

fn plan_options(longest: usize, options: &ModelOptions) -> PlanOptions {
    let tokens = longest.max(4096);
    let capacity = Sizes {
        tokens,
        sequences: MAX_DOCUMENTS,
        longest,
    };
    PlanOptions::new(capacity)
        .selection(options.selection.clone())
        .submit_time(options.submit_time)
}
