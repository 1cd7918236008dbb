use super::prepared::sizes;
use super::{Index, Metric, options::length};
use crate::error::{Error, Result};
use crate::plan::{Control, Plan, Value};
use crate::tensor::WeightType;

/// A vector and how near it is.
///
/// See [`Index`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// Its place among the vectors, counted from 0.
    pub index: usize,
    /// By the index's [`Metric`]: the larger, the nearer.
    pub score: f32,
}

impl Index {
    /// For each query the `k` nearest vectors, nearest first, of equally near ones the earlier first; all of them if
    /// there are not more.
    ///
    /// Scores are computed in f32, and a query's hits do not depend on what else is asked for. The first search for more
    /// hits than before, in powers of two, prepares for them.
    ///
    /// # Errors
    /// [`Error::Vector`], naming the first query that has another length, a number that is not finite or that f16 does
    /// not hold, or that is so long that a score could overflow; [`Error::Limit`] if more than 2^20 would be found; as
    /// [`crate::plan::Plan::compile`] and [`crate::plan::Plan::run`] for the device.
    pub fn search<V: AsRef<[f32]>>(&self, queries: &[V], k: usize) -> Result<Vec<Vec<Hit>>> {
        let (queries, k) = (self.checked(queries)?, k.min(self.len()));
        if k == 0 {
            return Ok(vec![vec![]; queries.len() / self.cols()]);
        }
        let (plan, found) = self.plan(k)?;
        let mut control = Control::new();
        self.gpu
            .block_on(self.run(&plan, &queries, found, k, &mut control))
    }

    /// [`Index::search`], without blocking the thread while the GPU works, nor while vectors are brought to it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wgformer::{Gpu, Index, index::IndexOptions, plan::Control};
    /// # let (gpu, folder) = (Gpu::new()?, tempfile::tempdir().unwrap());
    /// # let path = folder.path().join("vectors.safetensors");
    /// # let mut index = Index::new(&gpu, 2, &IndexOptions::default())?;
    /// # index.add(&[[1.0, 0.0], [0.0, 2.0]])?;
    /// # pollster::block_on(async {
    /// index.upload_async().await?;
    /// index.warm_up(2)?; // or, without blocking:
    /// index.warm_up_async(2).await?;
    /// let hits = index.search_async(&[[0.1, 5.0]], 2).await?;
    /// index.save_async(&path).await?;
    ///
    /// let index = Index::load_async(&gpu, &path, &IndexOptions::default()).await?;
    /// let soon = Control::new().timeout(Duration::from_secs(60));
    /// assert_eq!(index.search_with_async(&[[0.1, 5.0]], 2, soon).await?, hits);
    ///
    /// let another = Gpu::new()?; // after the first was lost
    /// let index = index.recover_async(&another).await?;
    /// assert_eq!(index.search_async(&[[0.1, 5.0]], 2).await?, hits);
    /// # Ok::<(), wgformer::Error>(()) })?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Index::search`].
    pub async fn search_async<V: AsRef<[f32]>>(
        &self,
        queries: &[V],
        k: usize,
    ) -> Result<Vec<Vec<Hit>>> {
        self.search_with_async(queries, k, Control::new()).await
    }

    /// [`Index::search`] with a deadline, or somebody who is told after each batch how many queries are done.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wgformer::index::{Index, IndexOptions};
    /// # use wgformer::plan::Control;
    /// # let mut index = Index::new(&wgformer::Gpu::new()?, 2, &IndexOptions::default())?;
    /// # index.add(&[[1.0, 0.0], [0.0, 2.0]])?;
    /// let control = Control::new()
    ///     .timeout(Duration::from_secs(60))
    ///     .progress(|progress| println!("{} of {} queries", progress.done, progress.total));
    /// let hits = index.search_with(&[[0.1, 5.0], [3.0, 0.2]], 1, control)?;
    /// assert_eq!((hits[0][0].index, hits[1][0].index), (1, 0));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Index::search`], and [`Error::Deadline`].
    pub fn search_with<V: AsRef<[f32]>>(
        &self,
        queries: &[V],
        k: usize,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Hit>>> {
        self.gpu
            .block_on(self.search_with_async(queries, k, control))
    }

    /// [`Index::search_with`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Index::search_with`].
    pub async fn search_with_async<V: AsRef<[f32]>>(
        &self,
        queries: &[V],
        k: usize,
        mut control: Control<'_>,
    ) -> Result<Vec<Vec<Hit>>> {
        let (queries, k) = (self.checked(queries)?, k.min(self.len()));
        if k == 0 {
            return Ok(vec![vec![]; queries.len() / self.cols()]);
        }
        let deadline = control.due();
        let search = async {
            let (plan, found) = self.plan_async(k).await?;
            self.run(&plan, &queries, found, k, &mut control).await
        };
        self.gpu.before(deadline, search).await
    }

    /// `queries`: `[queries, cols]`, of which `plan` finds `found` hits each.
    async fn run(
        &self,
        plan: &Plan,
        queries: &[f32],
        found: usize,
        k: usize,
        control: &mut Control<'_>,
    ) -> Result<Vec<Vec<Hit>>> {
        let cols = self.cols();
        let count = queries.len() / cols;
        let mut hits = Vec::with_capacity(count);
        for batch in queries.chunks(plan.capacity().tokens * cols) {
            let sizes = sizes(batch.len() / cols);
            let best = plan.run_async(&sizes, &[Value::F32(batch)]).await?;
            let of_query = |best| nearest(self.metric(), best, k);
            hits.extend(best.chunks_exact(2 * found).map(of_query));
            control.report(hits.len(), count);
        }
        Ok(hits)
    }

    fn cols(&self) -> usize {
        self.rows.slicing().cols()
    }

    /// The queries as a run wants them, filled up: `[queries, cols]`.
    fn checked<V: AsRef<[f32]>>(&self, queries: &[V]) -> Result<Vec<f32>> {
        let cols = self.cols();
        let mut rows = Vec::with_capacity(queries.len() * cols);
        for (index, query) in queries.iter().enumerate() {
            self.check("query", index, query.as_ref())?;
            let query = self.metric().scaled(query.as_ref());
            self.check_products(index, &query)?;
            rows.extend_from_slice(&query);
            rows.resize((index + 1) * cols, 0.0);
        }
        Ok(rows)
    }

    pub(super) fn check(&self, what: &'static str, index: usize, vector: &[f32]) -> Result<()> {
        let error = |message| {
            Err(Error::Vector {
                what,
                index,
                message,
            })
        };
        let (found, dimensions) = (vector.len(), self.dimensions());
        if found != dimensions {
            return error(format!(
                "has {found} dimensions, and the index has {dimensions}"
            ));
        }
        // Of a cosine, what is stored is at most 1.
        let stored_as = match self.metric() {
            Metric::Cosine => WeightType::F32,
            Metric::DotProduct => self.weight_type(),
        };
        match vector.iter().position(|value| !stored_as.holds(*value)) {
            None => Ok(()),
            Some(place) if vector[place].is_finite() => error(format!(
                "holds {} at element {place}, which does not fit into f16: use f32",
                vector[place]
            )),
            Some(place) => error(format!(
                "holds {} at element {place}, and must be of finite numbers",
                vector[place]
            )),
        }
    }

    /// No sum of products is longer than both vectors' lengths multiplied; of int8, before the scale, than that of
    /// integers up to 127.
    fn check_products(&self, index: usize, query: &[f32]) -> Result<()> {
        let of_integers = 128.0 * (self.dimensions() as f64).sqrt();
        let (own, longest) = (length(query), self.rows.longest());
        if own * longest.max(of_integers) < f64::from(f32::MAX) / 2.0 {
            return Ok(());
        }
        Err(Error::Vector {
            what: "query",
            index,
            message: format!(
                "is {own:e} long and the index's longest vector {longest:e}: a score could overflow; scale them down"
            ),
        })
    }
}

/// Of `[2 * found]`, scores and then places in ascending order, of at least `k` vectors, the `k` best, the best first.
fn nearest(metric: Metric, best: &[f32], k: usize) -> Vec<Hit> {
    let (scores, places) = best.split_at(best.len() / 2);
    let hit = |(score, place): (&f32, &f32)| Hit {
        index: *place as usize,
        score: score + 0.0, // of zeros there is one
    };
    let mut hits: Vec<Hit> = scores.iter().zip(places).map(hit).collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
    hits.truncate(k); // nothing, where there is less than was looked for, is last
    if metric == Metric::Cosine {
        // Rounding may have gone beyond.
        hits.iter_mut()
            .for_each(|hit| hit.score = hit.score.clamp(-1.0, 1.0));
    }
    hits
}
