//! The vectors nearest to a query, found exactly: every score is computed on the device, and only the best are kept.
//!
//! [`Index::add`] -> rows on the host, padded, in slices (`rows.rs`) -> a graph over all of them: for each slice a
//! linear layer whose weight the slice is, and a [`Graph::top_k`](crate::Graph::top_k) of its scores and of the best
//! before (`plans.rs`) -> [`Index::search`] runs it for a batch of queries, so that of the scores no more than one
//! slice's are ever in memory, and sorts what it found (`search.rs`). `file.rs` keeps an index in a file.
//!
//! A slice is a weight matrix and not more than one binding holds, so an index may be larger than any of a device's
//! buffers. Vectors that come later change the last slice alone: the others are shared between the plans before and
//! after, as they are between plans for few hits and for many.

mod file;
mod options;
mod plans;
mod rows;
mod search;

use std::fmt;
use std::sync::{Arc, Mutex};

pub use options::{IndexOptions, Metric};
pub use search::Hit;

use crate::error::Result;
use crate::gpu::Gpu;
use crate::tensor::WeightType;
use plans::Plans;
use rows::Rows;

/// Vectors of one length, of which it finds the nearest to a query, without approximation; any number of threads may
/// search at once.
///
/// It holds up to 2^24 vectors, as far as the device's memory goes. The host keeps them too, in f32, for
/// [`Index::save`] and for vectors to come.
///
/// ```
/// use wgformer::index::{Index, IndexOptions};
///
/// let gpu = wgformer::Gpu::new()?;
/// let mut index = Index::new(&gpu, 2, &IndexOptions::default())?;
/// index.add(&[[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])?;
/// let hits = &index.search(&[[0.1, 5.0]], 2)?[0];
/// assert_eq!((hits[0].index, hits[1].index), (1, 2));
/// # Ok::<(), wgformer::Error>(())
/// ```
pub struct Index {
    gpu: Gpu,
    metric: Metric,
    weight_type: WeightType,
    /// Shared with a plan while that is compiled.
    rows: Arc<Rows>,
    plans: Mutex<Plans>,
}

impl Index {
    /// An index of no vectors yet; `dimensions`: the length of each.
    ///
    /// # Errors
    /// [`crate::Error::Limit`] if there are so many dimensions that 64 vectors do not fit a buffer of the device,
    /// [`crate::Error::Shape`] if there are none.
    pub fn new(gpu: &Gpu, dimensions: usize, options: &IndexOptions) -> Result<Self> {
        Ok(Self {
            gpu: gpu.clone(),
            metric: options.metric,
            weight_type: options.weight_type,
            rows: Arc::new(Rows::new(gpu, dimensions)?),
            plans: Mutex::default(),
        })
    }

    /// Adds vectors; each gets the next place, counted from 0. They are on the device after the next search, or
    /// [`Index::upload`].
    ///
    /// # Errors
    /// [`crate::Error::Vector`], naming the first that has another length or a number that is not finite, or that f16
    /// does not hold; [`crate::Error::Limit`] beyond 2^24. Then none of them is added.
    pub fn add<V: AsRef<[f32]>>(&mut self, vectors: &[V]) -> Result<()> {
        Arc::make_mut(&mut self.rows).reserve(vectors.len())?;
        for (index, vector) in vectors.iter().enumerate() {
            self.check("vector", index, vector.as_ref())?;
        }
        let rows = Arc::make_mut(&mut self.rows);
        for vector in vectors {
            rows.push(&self.metric.scaled(vector.as_ref()));
        }
        Ok(())
    }

    /// The number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.rows.dimensions()
    }

    /// What scores are.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// What vectors are stored as on the device.
    #[must_use]
    pub fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// The bytes that the vectors take on the host.
    #[must_use]
    pub fn host_bytes(&self) -> u64 {
        self.rows.bytes()
    }

    /// The bytes that the vectors take on the device, as far as they are there. On a software adapter, where a search
    /// for more than 4,096 hits runs on buffers and others on textures, they may be there twice.
    #[must_use]
    pub fn device_bytes(&self) -> u64 {
        self.plans().device_bytes()
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("len", &self.len())
            .field("dimensions", &self.dimensions())
            .field("metric", &self.metric)
            .field("weight_type", &self.weight_type)
            .finish()
    }
}
