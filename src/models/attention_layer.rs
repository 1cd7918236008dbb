use std::path::Path;
use std::sync::Arc;

use super::blocks::{Attending, Disentangled, LayerSizes, attend};
use super::derived::NetworkWeights;
use super::{Batch, Builder, Checkpoint, Config, Family, Model, ModelOptions, Network};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::{Graph, TensorId};
use crate::plan::{Plan, Value};
use crate::tensor::Dim;

/// A layer of an encoder, for the weights by which its attention sums up values: those of the kernel that runs in the
/// model, with its rotated positions, its window, its bias, or its scores by distance.
///
/// The encoder runs up to the layer's queries and keys. Its attention then runs on these with unit vectors for values: the
/// sum of weighted unit vectors is the weights. A head of `head_dim` columns has room for the weights of as many keys, so a
/// longer text runs in copies, in each of which other keys have unit vectors, and the rest zeros.
///
/// ```
/// use wgformer::models::{AttentionLayer, ModelOptions};
///
/// # let folder = "tests/data/tiny/plain".as_ref();
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// let layer = AttentionLayer::load(&gpu, folder, 0, 512, &options)?; // the first
/// let weights = layer.weights(&[2, 7, 3], &[0, 0, 0])?; // [heads, queries, keys], row-major
/// assert_eq!(weights.len(), layer.heads() * 3 * 3);
/// let of_first_query: f32 = weights[..3].iter().sum();
/// assert!((of_first_query - 1.0).abs() < 1e-5);
/// println!("layer {} of {}, {} tokens at most", layer.layer(), layer.layers(), layer.max_tokens());
/// println!("{} plans run it", layer.plans().len());
///
/// # pollster::block_on(async {
/// assert_eq!(layer.weights_async(&[2, 7, 3], &[0, 0, 0]).await?, weights);
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AttentionLayer {
    /// Gives queries, keys and values: `[3, heads, tokens, head_dim]`.
    reading: Model,
    /// Attends by them.
    attending: Model,
    layer: usize,
    layers: usize,
    heads: usize,
    head_dim: usize,
}

/// What a builder sees of the layers that it builds.
#[derive(Debug, Default)]
pub(super) struct Watch {
    wanted: Option<usize>,
    /// How many there were.
    layers: usize,
    seen: Option<Seen>,
}

/// A layer's attention as two graphs.
#[derive(Debug)]
struct Seen {
    /// From tokens to queries, keys and values.
    reading: Graph,
    /// From these to what comes of them.
    attending: Graph,
    heads: usize,
    head_dim: usize,
}

/// The input of the second graph that is the first one's result.
const QKV: &str = "qkv";

impl Watch {
    pub(super) fn of(layer: usize) -> Self {
        Self {
            wanted: Some(layer),
            ..Self::default()
        }
    }

    /// The next layer, which attends by `qkv`.
    pub(super) fn layer(
        &mut self,
        graph: &Graph,
        qkv: TensorId,
        attending: Attending,
        sizes: &LayerSizes,
    ) -> Result<()> {
        let layer = self.layers;
        self.layers += 1;
        if self.wanted == Some(layer) {
            self.seen = Some(Seen::of(graph, qkv, attending, sizes)?);
        }
        Ok(())
    }
}

impl Seen {
    fn of(graph: &Graph, qkv: TensorId, own: Attending, sizes: &LayerSizes) -> Result<Self> {
        let mut reading = graph.clone();
        reading.set_output(qkv);
        let (heads, head_dim) = (sizes.heads, sizes.hidden / sizes.heads);
        let mut attending = Graph::new();
        let dims = [
            Dim::Fixed(3),
            Dim::Fixed(heads),
            Dim::Tokens,
            Dim::Fixed(head_dim),
        ];
        let qkv = attending.input(QKV, dims);
        let segment_offsets = attending.segment_offsets();
        let mut same = |tensor: TensorId| -> TensorId {
            let there = graph.tensor(tensor);
            let mut dims = there.shape.dims().iter().filter_map(|dim| dim.fixed());
            let shape = [(); 2].map(|()| dims.next().unwrap_or(1)); // a matrix, as the operation has checked
            attending.parameter(&there.name, shape)
        };
        let bias = own.bias.map(&mut same);
        let disentangled = own.disentangled.map(|it| Disentangled {
            positions: it.positions.map(&mut same),
            ..it
        });
        let own = Attending {
            segment_offsets,
            rotary: None, // done
            bias,
            disentangled,
            ..own
        };
        attend(&mut attending, qkv, own, sizes, false)?;
        Ok(Self {
            reading,
            attending,
            heads,
            head_dim,
        })
    }
}

impl AttentionLayer {
    /// Loads the encoder of a Hugging Face directory up to a layer, counted from 0; `max_tokens` as [`Model::load`] has it.
    ///
    /// # Errors
    /// As [`Model::load`], and [`Error::Input`] if there is no such layer.
    pub fn load(
        gpu: &Gpu,
        directory: &Path,
        layer: usize,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let config = Config::read(&directory.join("config.json"))?;
        let checkpoint = Arc::new(Checkpoint::open(directory)?);
        let mut builder = Builder::new(&*checkpoint);
        builder.watch = Watch::of(layer);
        let encoder = (Family::of(&config)?.build)(&config, &mut builder)?;
        let Builder { watch, derived, .. } = builder;
        let layers = watch.layers;
        let Some(seen) = watch.seen else {
            return Err(Error::Input {
                name: "layer".to_owned(),
                message: format!("must be 0 to {}, is {layer}", layers.saturating_sub(1)),
            });
        };
        let weights = Arc::new(NetworkWeights {
            source: checkpoint,
            derived,
        });
        let model = |graph, columns| {
            let network = Network::of_encoder(graph, weights.clone(), encoder, columns);
            Model::of_network(gpu, network, max_tokens, options)
        };
        Ok(Self {
            reading: model(seen.reading, seen.head_dim)?,
            attending: model(seen.attending, seen.heads * seen.head_dim)?,
            layer,
            layers,
            heads: seen.heads,
            head_dim: seen.head_dim,
        })
    }

    /// Which layer it is, counted from 0.
    #[must_use]
    pub fn layer(&self) -> usize {
        self.layer
    }

    /// How many the encoder has.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// How many heads the layer has.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// The longest sequence, in tokens.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.reading.max_tokens()
    }

    /// All that runs.
    #[must_use]
    pub fn plans(&self) -> Vec<&Plan> {
        vec![self.reading.plan(), self.attending.plan()]
    }

    /// How much of each token's value each token takes, of one sequence: `[heads, queries, keys]`, row-major; the weights
    /// of a query add up to 1. Four bytes for each: 12 heads of 512 tokens are 12.6 MB.
    ///
    /// `ids`: its tokens, special tokens included; `types`: as many token types.
    ///
    /// # Errors
    /// As [`Model::run`].
    ///
    /// # Panics
    /// As [`Batch::push`].
    pub fn weights(&self, ids: &[u32], types: &[u32]) -> Result<Vec<f32>> {
        self.block_on(self.weights_async(ids, types))
    }

    /// What `call` gives, waited for on this thread.
    pub(crate) fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        self.reading.plan().gpu().block_on(call)
    }

    /// [`AttentionLayer::weights`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`AttentionLayer::weights`].
    ///
    /// # Panics
    /// As [`Batch::push`].
    pub async fn weights_async(&self, ids: &[u32], types: &[u32]) -> Result<Vec<f32>> {
        let tokens = ids.len();
        let mut batch = Batch::new();
        batch.push(ids, types);
        let qkv = self.reading.run_async(&batch).await?;
        let mut weights = vec![0.0; self.heads * tokens * tokens];
        let parts: Vec<usize> = (0..tokens).step_by(self.head_dim).collect();
        let at_once = self.attending.batch_tokens() / tokens.max(1);
        let at_once = at_once.clamp(1, self.attending.batch_sequences().max(1));
        for firsts in parts.chunks(at_once) {
            let mut batch = Batch::new();
            firsts.iter().for_each(|_| batch.push(ids, types));
            let copies = self.with_unit_vectors(&qkv, tokens, firsts);
            let rows = self.attend(&batch, &copies).await?;
            let of_part = rows.chunks_exact(tokens * self.heads * self.head_dim);
            for (first, rows) in firsts.iter().zip(of_part) {
                self.put(&mut weights, rows, tokens, *first);
            }
        }
        Ok(weights)
    }

    /// A copy of queries and keys for each of `firsts`, with unit vectors for the values of the keys from there on:
    /// `[3, heads, copies * tokens, head_dim]`.
    fn with_unit_vectors(&self, qkv: &[f32], tokens: usize, firsts: &[usize]) -> Vec<f32> {
        let rows = tokens * self.head_dim;
        let (queries_and_keys, _) = qkv.split_at(2 * self.heads * rows);
        let copies = queries_and_keys.chunks_exact(rows);
        let copies = copies.flat_map(|rows| rows.repeat(firsts.len()));
        let mut all: Vec<f32> = copies.collect();
        let units = firsts.iter().flat_map(|first| {
            let mut values = vec![0.0; rows];
            let keys = self.head_dim.min(tokens - first);
            (0..keys).for_each(|key| values[(first + key) * self.head_dim + key] = 1.0);
            values
        });
        let units: Vec<f32> = units.collect();
        (0..self.heads).for_each(|_| all.extend_from_slice(&units));
        all
    }

    /// `[copies * tokens, heads * head_dim]`
    async fn attend(&self, batch: &Batch, qkv: &[f32]) -> Result<Vec<f32>> {
        let plan = self.attending.plan();
        let inputs = plan.graph().inputs().iter();
        let values = inputs.map(|input| match &plan.graph().tensor(*input).name[..] {
            QKV => Ok(Value::F32(qkv)),
            other => batch.value(other),
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        plan.run_async(&batch.sizes(), &values).await
    }

    /// Puts the weights of the keys from `first` on, `[tokens, heads * head_dim]`, where they belong.
    fn put(&self, weights: &mut [f32], rows: &[f32], tokens: usize, first: usize) {
        let keys = self.head_dim.min(tokens - first);
        for (query, row) in rows.chunks_exact(self.heads * self.head_dim).enumerate() {
            for (head, own) in row.chunks_exact(self.head_dim).enumerate() {
                let start = (head * tokens + query) * tokens + first;
                weights[start..start + keys].copy_from_slice(&own[..keys]);
            }
        }
    }
}
