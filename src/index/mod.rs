//! The vectors nearest to a query, found exactly: every score is computed on the device, and only the best are kept.
//!
//! [`Index::add`] -> rows on the host, padded (`rows.rs`), in slices (`slicing.rs`), as many as the budget has room for
//! (`room.rs`) -> a graph over all of them: for each
//! slice a linear layer whose weight the slice is, and a [`Graph::top_k`](crate::Graph::top_k) of its scores and of the
//! best before, for as many queries as there is memory for (`prepared.rs`) -> a plan for so many hits (`plans.rs`) ->
//! [`Index::search`] runs it for a batch of queries, so that of the scores no more than one slice's are ever in memory,
//! and sorts what it found (`search.rs`). `file.rs` keeps an index in a file.
//!
//! A slice is a weight matrix and not more than one binding holds, so an index may be larger than any of a device's
//! buffers. Vectors that come later change the last slice alone: the others are shared between the plans before and
//! after, as they are between plans for few hits and for many.

mod file;
mod options;
mod plans;
mod prepared;
mod room;
mod rows;
mod search;
mod slicing;

use std::fmt;
use std::sync::{Arc, Mutex};

pub use options::{IndexOptions, Metric};
pub use search::Hit;

use crate::error::Result;
use crate::gpu::Gpu;
use crate::plan::Memory;
use crate::tensor::WeightType;
use plans::Plans;
use prepared::{FEWEST_HITS, Prepared, hits_of_a_plan};
use room::Room;
use rows::Rows;
use slicing::Slicing;

/// Vectors of one length, of which it finds the nearest to a query, without approximation; any number of threads may
/// search at once.
///
/// It holds up to 2^24 vectors, as far as the device's memory goes. The host keeps them too, in f32, for
/// [`Index::save`], for vectors to come and for [`Index::recover`].
///
/// Clones share the vectors, on the host and on the device, and the memory budget. Vectors that are added to one of them
/// are its own, and so is its budget from then on.
///
/// ```
/// use wgformer::index::{Hit, Index, IndexOptions};
///
/// let gpu = wgformer::Gpu::new()?;
/// let mut index = Index::new(&gpu, 2, &IndexOptions::default())?;
/// index.add(&[[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])?;
/// index.upload()?; // or the first search does it
/// let hits: &[Hit] = &index.search(&[[0.1, 5.0]], 2)?[0];
/// assert_eq!((hits[0].index, hits[1].index), (1, 2));
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone)]
pub struct Index {
    gpu: Gpu,
    options: IndexOptions,
    /// Shared with clones, and with a plan while that is compiled.
    rows: Arc<Rows>,
    room: Room,
    /// Shared with clones of the same vectors.
    plans: Arc<Mutex<Plans>>,
}

impl Index {
    /// An index of no vectors yet; `dimensions`: the length of each.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] if there are so many dimensions that 64 vectors do not fit a buffer of the device,
    /// [`crate::Error::Shape`] if there are none.
    pub fn new(gpu: &Gpu, dimensions: usize, options: &IndexOptions) -> Result<Self> {
        let rows = Rows::new(Slicing::new(gpu, dimensions)?);
        Ok(Self::of(gpu, rows, options))
    }

    fn of(gpu: &Gpu, rows: Rows, options: &IndexOptions) -> Self {
        Self {
            gpu: gpu.clone(),
            options: options.clone(),
            rows: Arc::new(rows),
            room: Room::default(),
            plans: Plans::none(gpu),
        }
    }

    /// Adds vectors; each gets the next place, counted from 0. They are on the device after the next search, or
    /// [`Index::upload`].
    ///
    /// # Errors
    /// [`crate::Error::Vector`], naming the first that has another length or a number that is not finite, or that f16
    /// does not hold; [`crate::Error::Limit`] beyond 2^24, or where the memory budget has no room for them. Then none of
    /// them is added.
    pub fn add<V: AsRef<[f32]>>(&mut self, vectors: &[V]) -> Result<()> {
        self.check_room(vectors.len())?;
        for (index, vector) in vectors.iter().enumerate() {
            self.check("vector", index, vector.as_ref())?;
        }
        if Arc::get_mut(&mut self.plans).is_none() {
            let apart = self.plans().apart();
            self.plans = apart;
        }
        let metric = self.metric();
        let rows = Arc::make_mut(&mut self.rows);
        for vector in vectors {
            rows.push(&metric.scaled(vector.as_ref()));
        }
        Ok(())
    }

    /// Checks that there may be so many more, and that one query for few hits has room beside them.
    fn check_room(&mut self, more: usize) -> Result<()> {
        let grown = self.rows.slicing().with(more)?;
        if self.options.memory_budget.is_none() {
            return Ok(());
        }
        let Self { gpu, options, .. } = self;
        let has_room = |count| Prepared::new(gpu, grown.of(count), FEWEST_HITS, options).map(drop);
        self.room.check(grown.count, grown.end(), has_room)
    }

    /// The same index on another device, after its own was lost: its vectors, which the host has, are brought there, with
    /// the options that it was made with.
    ///
    /// ```
    /// # use wgformer::index::{Index, IndexOptions};
    /// # let gpu = wgformer::Gpu::new()?;
    /// # let mut index = Index::new(&gpu, 2, &IndexOptions::default())?;
    /// # index.add(&[[1.0, 0.0], [0.0, 2.0]])?;
    /// let another = wgformer::Gpu::new()?; // after the first was lost
    /// let index = index.recover(&another)?;
    /// assert_eq!(index.search(&[[0.1, 5.0]], 1)?[0][0].index, 1);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Index::new`], and as [`Index::upload`] for the device.
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        let (there, here) = (Slicing::new(gpu, self.dimensions())?, self.rows.slicing());
        let mut rows = Rows::new(there);
        if there.with(here.count)? == here {
            rows = (*self.rows).clone();
        } else {
            self.rows.iter().for_each(|vector| rows.push(vector));
        }
        let recovered = Self::of(gpu, rows, &self.options);
        recovered.upload()?;
        Ok(recovered)
    }

    /// [`Index::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Index::recover`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        let (own, lost) = (gpu.clone(), self.clone());
        gpu.off_thread(move || lost.recover(&own)).await
    }

    /// What an index of so many vectors would take on the device, and one run of a search for `k` hits, of as many
    /// queries as one run takes; nothing is allocated.
    ///
    /// ```
    /// use wgformer::index::{Index, IndexOptions};
    ///
    /// let (gpu, options) = (wgformer::Gpu::new()?, IndexOptions::default());
    /// let needed = Index::memory_needed(&gpu, 2, 3, 10, &options)?;
    /// println!("{} bytes of vectors, {} for each search", needed.weights, needed.per_run());
    ///
    /// let mut index = Index::new(&gpu, 2, &options)?;
    /// index.add(&[[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])?;
    /// index.upload()?;
    /// assert_eq!(index.memory().weights, needed.weights);
    /// println!("{} bytes on the host", index.host_bytes());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Limit`] for the device, the memory budget, and what an index may hold or find at all.
    pub fn memory_needed(
        gpu: &Gpu,
        dimensions: usize,
        vectors: usize,
        k: usize,
        options: &IndexOptions,
    ) -> Result<Memory> {
        let slicing = Slicing::new(gpu, dimensions)?.with(vectors)?;
        let hits = k.min(vectors);
        if hits == 0 {
            return Ok(Memory::default());
        }
        Prepared::new(gpu, slicing, hits_of_a_plan(hits)?, options)?.memory(gpu)
    }

    /// The number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.slicing().count
    }

    /// Whether there are none.
    ///
    /// See [`Index::dimensions`] for an example.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of a vector.
    ///
    /// ```
    /// use wgformer::index::{Index, IndexOptions, Metric};
    ///
    /// let index = Index::new(&wgformer::Gpu::new()?, 384, &IndexOptions::default())?;
    /// assert_eq!((index.is_empty(), index.dimensions(), index.metric()), (true, 384, Metric::Cosine));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.rows.slicing().dimensions
    }

    /// What scores are.
    ///
    /// See [`Index::dimensions`] for an example.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.options.metric.unwrap_or_default()
    }

    /// What vectors are stored as on the device.
    #[must_use]
    pub fn weight_type(&self) -> WeightType {
        self.options.weight_type
    }

    /// The bytes that the vectors take on the host.
    ///
    /// See [`Index::memory_needed`] for an example.
    #[must_use]
    pub fn host_bytes(&self) -> u64 {
        self.rows.bytes()
    }

    /// What it takes on the device now: its vectors, as far as they are there, and what searches have allocated, which is
    /// counted as one run. On a software adapter, where a search for more than 4,096 hits runs on buffers and others on
    /// textures, vectors may be there twice.
    ///
    /// See [`Index::memory_needed`] for an example.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.plans().memory(&self.gpu.capabilities().limits)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("len", &self.len())
            .field("dimensions", &self.dimensions())
            .field("options", &self.options)
            .finish()
    }
}
