use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::batching::{Pack, pack};
use super::static_queries::StaticQueries;
#[cfg(not(target_arch = "wasm32"))]
use super::stream::{Stream, StreamOptions};
use super::text_model::{Finite, TextModel, finite};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{
    Dense, Head, MaskedLm, Model, ModelOptions, Projection, SentenceTransformer, SparseHead,
    Splade, StaticWeights,
};
use crate::plan::{Control, Memory, Plan};
use crate::text::Text;

/// Turns texts into sparse vectors: weights of few of the vocabulary's entries, for an index of words. By a masked language
/// model (SPLADE), or a weight for each of a text's own tokens (BGE-M3); queries, where the files say so, by a table alone
/// ([`SparseEmbedder::for_queries`]). Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{SparseEmbedder, SparseEmbedding, TokenWeight};
///
/// # let folder = "tests/data/retrieval/splade";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", SparseEmbedder::memory_needed(&gpu, folder, &options)?.total());
/// let embedder = SparseEmbedder::load(&gpu, folder, &options)?;
/// for SparseEmbedding { weights, .. } in embedder.embed(&["a cat", "a dog"])? {
///     for TokenWeight { id, weight, .. } in weights {
///         println!("{weight:.3} {}", embedder.token(id).unwrap_or_default());
///     }
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking, within a time, and on another device:
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::{Gpu, models::ModelOptions, plan::Control, tasks::SparseEmbedder};
/// # let (folder, options) = ("tests/data/retrieval/bge-m3", ModelOptions::default());
/// # pollster::block_on(async {
/// let gpu = Gpu::new()?;
/// let embedder = SparseEmbedder::load_async(&gpu, folder, &options).await?;
/// embedder.warm_up()?; // or, without blocking:
/// embedder.warm_up_async().await?;
/// let texts = ["a cat", "a dog"];
/// let found = embedder.embed_async(&texts).await?;
///
/// let in_time = || Control::new().timeout(Duration::from_secs(60));
/// assert_eq!(embedder.embed_with(&texts, in_time())?, found);
/// assert_eq!(embedder.embed_with_async(&texts, in_time()).await?, found);
///
/// let another = Gpu::new()?; // after the first was lost
/// let recovered = embedder.recover(&another)?;
/// let recovered = recovered.recover_async(&another).await?;
/// println!("{} bytes in {} plans", recovered.memory().total(), recovered.plans().len());
/// println!("{} tokens at most", recovered.model().max_tokens());
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SparseEmbedder {
    /// What reads documents; its model is the encoder, or what weighs each token.
    documents: TextModel,
    head: TaskHead,
    /// What reads queries, where that is something else.
    queries: Option<StaticQueries>,
    /// Which of the two reads texts.
    reads_queries: bool,
    own: Arc<SentenceTransformer>,
}

/// What follows the encoder.
#[derive(Clone, Debug)]
enum TaskHead {
    Splade(MaskedLm, Splade),
    /// The ids of tokens that are left out.
    Lexical(Arc<[u32]>),
}

/// An entry of the vocabulary, and how much it weighs.
///
/// See [`SparseEmbedder`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenWeight {
    /// Its place in the vocabulary.
    pub id: u32,
    /// More than 0; of a query without inference it may be less, where its table was trained so.
    pub weight: f32,
}

/// The sparse vector of one text.
///
/// See [`SparseEmbedder`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SparseEmbedding {
    /// How many tokens the text has, special tokens included, after it was cut to the model's length.
    pub tokens: usize,
    /// Whether it had more, which were cut off.
    pub is_cut: bool,
    /// The entries that weigh anything, the heaviest first; of equal ones the first of the vocabulary.
    pub weights: Vec<TokenWeight>,
}

/// The special tokens of XLM-RoBERTa that BGE-M3 gives no weight: `_process_token_weights` in FlagEmbedding's `bge_m3.py`.
const UNWEIGHED: [&str; 4] = ["<s>", "</s>", "<pad>", "<unk>"];

impl SparseEmbedder {
    /// Loads a directory with a head of [`SparseHead`], and its [`StaticWeights`], if it has some.
    ///
    /// # Errors
    /// As [`SparseHead::of`], [`StaticWeights::of`], [`Model::load`] and [`MaskedLm::load`], and [`Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let weights = StaticWeights::of(&own)?;
        let (documents, head) = match SparseHead::of(directory.as_ref(), &own)? {
            SparseHead::Splade(splade) => {
                let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
                let model = MaskedLm::load(gpu, &own.transformer, max_tokens, options)?;
                let text_model = TextModel::of(model.encoder().clone(), &own)?;
                (text_model, TaskHead::Splade(model, splade))
            }
            SparseHead::Lexical(dense) => {
                let text_model = TextModel::load(gpu, &own, of_each_token(dense), options)?;
                let ids = UNWEIGHED.map(|token| text_model.tokenizer.id_of(token));
                (
                    text_model,
                    TaskHead::Lexical(ids.into_iter().flatten().collect()),
                )
            }
        };
        let queries = weights.map(|it| StaticQueries::new(it, &documents));
        Ok(Self {
            queries: queries.transpose()?,
            reads_queries: own.reads_queries,
            documents,
            head,
            own: Arc::new(own),
        })
    }

    /// [`SparseEmbedder::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`SparseEmbedder::load`].
    pub async fn load_async(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Self> {
        let (own, options) = (gpu.clone(), options.clone());
        let directory = directory.as_ref().to_owned();
        gpu.off_thread(move || Self::load(&own, directory, &options))
            .await
    }

    /// What [`SparseEmbedder::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// # Errors
    /// As [`SparseEmbedder::load`], without what concerns the weights' values.
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        match SparseHead::of(directory.as_ref(), &own)? {
            SparseHead::Splade(_) => {
                let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
                MaskedLm::memory_needed(gpu, &own.transformer, max_tokens, options)
            }
            SparseHead::Lexical(dense) => {
                TextModel::memory_needed(gpu, &own, of_each_token(dense), options)
            }
        }
    }

    /// The same model with one of its prompts before every text, such as `query` or `document`; of a model that reads
    /// queries otherwise than documents, these two names say which a text is, whatever the prompts are.
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::SparseEmbedder};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/retrieval/splade-sum");
    /// let documents = SparseEmbedder::load(&gpu, folder, &ModelOptions::default())?;
    /// let queries = documents.with_prompt("query")?;
    /// # let _ = queries;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`SentenceTransformer::prompt`].
    pub fn with_prompt(&self, name: &str) -> Result<Self> {
        let reads_queries = match name {
            "query" => true,
            "document" => false,
            _ => self.own.reads_queries,
        };
        self.reading(reads_queries, Some(name))
    }

    /// The same model for queries: with its prompt `query`, if it has one, as sentence-transformers' `encode_query`. Of a
    /// model without inference for them (OpenSearch's `doc` models, `splade-v3-doc`) nothing runs on the device: a query's
    /// vector is the weights of its tokens in a table.
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::SparseEmbedder};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/retrieval/inference-free");
    /// let model = SparseEmbedder::load(&gpu, folder, &ModelOptions::default())?;
    /// let query = &model.for_queries()?.embed(&["a film"])?[0];
    /// let document = &model.for_documents()?.embed(&["The cat saw a film."])?[0];
    /// let of_both = query.weights.iter().filter_map(|it| {
    ///     let other = document.weights.iter().find(|other| other.id == it.id)?;
    ///     Some(it.weight * other.weight)
    /// });
    /// println!("{:.3}", of_both.sum::<f32>());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`SentenceTransformer::prompt`].
    pub fn for_queries(&self) -> Result<Self> {
        self.reading(true, self.own.query_prompt())
    }

    /// The same model for what is searched: with the first there is of its prompts `document`, `passage` and `corpus`, as
    /// sentence-transformers' `encode_document`.
    ///
    /// See [`SparseEmbedder::for_queries`] for an example.
    ///
    /// # Errors
    /// As [`SentenceTransformer::prompt`].
    pub fn for_documents(&self) -> Result<Self> {
        self.reading(false, self.own.document_prompt())
    }

    /// `prompt`: its name; without one the default.
    fn reading(&self, reads_queries: bool, prompt: Option<&str>) -> Result<Self> {
        let prompt = self.own.prompt(prompt)?;
        let prompted = self.clone().each_text_model(|it| it.with_prompt(prompt));
        Ok(Self {
            reads_queries,
            ..prompted
        })
    }

    /// The same with something changed in what reads texts, of either kind.
    pub(super) fn each_text_model(self, change: impl Fn(TextModel) -> TextModel) -> Self {
        Self {
            documents: change(self.documents),
            queries: self.queries.map(|queries| StaticQueries {
                text_model: change(queries.text_model),
                ..queries
            }),
            ..self
        }
    }

    /// What reads texts, if no model does.
    fn static_queries(&self) -> Option<&StaticQueries> {
        self.queries.as_ref().filter(|_| self.reads_queries)
    }

    /// What reads texts.
    pub(super) fn text_model(&self) -> &TextModel {
        let queries = self.static_queries();
        queries.map_or(&self.documents, |queries| &queries.text_model)
    }

    /// The same on another device, after its own was lost: [`Model::recover`].
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        let (model, head) = match &self.head {
            TaskHead::Splade(model, splade) => {
                let model = model.recover(gpu)?;
                (model.encoder().clone(), TaskHead::Splade(model, *splade))
            }
            TaskHead::Lexical(_) => (self.model().recover(gpu)?, self.head.clone()),
        };
        let recovered = self
            .clone()
            .each_text_model(|it| it.with_model(model.clone()));
        Ok(Self { head, ..recovered })
    }

    /// [`SparseEmbedder::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        let (own, lost) = (gpu.clone(), self.clone());
        gpu.off_thread(move || lost.recover(&own)).await
    }

    /// Runs every pipeline of encoder and head once: [`Model::warm_up`].
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn warm_up(&self) -> Result<()> {
        match &self.head {
            TaskHead::Splade(model, _) => model.warm_up(),
            TaskHead::Lexical(_) => self.model().warm_up(),
        }
    }

    /// [`SparseEmbedder::warm_up`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub async fn warm_up_async(&self) -> Result<()> {
        match &self.head {
            TaskHead::Splade(model, _) => model.warm_up_async().await,
            TaskHead::Lexical(_) => self.model().warm_up_async().await,
        }
    }

    /// The encoder.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.documents.model
    }

    /// All that runs: the encoder's plan and, of a masked language model, the head's.
    #[must_use]
    pub fn plans(&self) -> Vec<&Plan> {
        match &self.head {
            TaskHead::Splade(model, _) => model.plans(),
            TaskHead::Lexical(_) => vec![self.model().plan()],
        }
    }

    /// What all of it takes on the device now, as [`MaskedLm::memory`] and [`Model::memory`] count it.
    #[must_use]
    pub fn memory(&self) -> Memory {
        match &self.head {
            TaskHead::Splade(model, _) => model.memory(),
            TaskHead::Lexical(_) => self.model().memory(),
        }
    }

    /// What the vocabulary has under an id, such as `##ing`.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        self.text_model().tokenizer.token(id)
    }

    /// One sparse vector per text or pair of texts, in order.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed).
    pub fn embed<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<SparseEmbedding>> {
        self.embed_with(texts, Control::new())
    }

    /// [`SparseEmbedder::embed`] with a deadline, or somebody who is told after each batch how many texts are done.
    ///
    /// # Errors
    /// As [`SparseEmbedder::embed`], and [`Error::Deadline`].
    pub fn embed_with<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<SparseEmbedding>> {
        self.documents
            .block_on(self.embed_with_async(texts, control))
    }

    /// [`SparseEmbedder::embed`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`SparseEmbedder::embed`].
    pub async fn embed_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<SparseEmbedding>> {
        self.embed_with_async(texts, Control::new()).await
    }

    /// [`SparseEmbedder::embed_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`SparseEmbedder::embed_with`].
    pub async fn embed_with_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        mut control: Control<'_>,
    ) -> Result<Vec<SparseEmbedding>> {
        let texts: Vec<Text<'_>> = texts.into_iter().map(Into::into).collect();
        let deadline = control.due();
        let embed = async {
            let tokens = self.text_model().tokenize_in_turns(&texts).await?;
            let mut results: Vec<Option<Finite<SparseEmbedding>>> = vec![None; tokens.len()];
            let mut done = 0;
            for pack in pack(&tokens, self.model()) {
                let ran = self.run(&pack).await?;
                done += ran.len();
                control.report(done, texts.len());
                for (place, result) in pack.places.into_iter().zip(ran) {
                    results[place] = Some(result);
                }
            }
            let results = results.into_iter().flatten().enumerate();
            let results = results
                .map(|(index, result)| result.map_err(|value| Error::Overflow { index, value }));
            results.collect()
        };
        self.model().plan().gpu().before(deadline, embed).await
    }

    /// The sparse vectors of any number of texts as they come, in bounded memory: as
    /// [`Embedder::stream`](super::Embedder::stream).
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::{SparseEmbedder, StreamOptions}};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/retrieval/splade");
    /// # let embedder = SparseEmbedder::load(&gpu, folder, &ModelOptions::default())?;
    /// let texts = ["a cat", "a dog"].map(Ok::<_, wgformer::Error>);
    /// for embedded in embedder.stream(texts, &StreamOptions::default()) {
    ///     let (text, embedding) = embedded?;
    ///     println!("{text}: {} entries of the vocabulary", embedding.weights.len());
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))] // it has threads
    pub fn stream<T, E, I>(
        &self,
        texts: I,
        options: &StreamOptions,
    ) -> Stream<T, E, SparseEmbedding>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
    {
        Stream::start(self, texts.into_iter(), options)
    }

    /// The sparse vector of each text of a pack, in its order.
    pub(super) async fn run(&self, pack: &Pack) -> Result<Vec<Finite<SparseEmbedding>>> {
        let mut embeddings = match (self.static_queries(), &self.head) {
            (Some(queries), _) => queries.weighed(pack)?.into_iter().map(Ok).collect(),
            (None, TaskHead::Splade(model, splade)) => {
                let pooled = pooled(model, *splade, pack).await;
                pooled.map_err(|error| self.documents.tokenizer.blamed(error))?
            }
            (None, TaskHead::Lexical(unweighed)) => {
                let weights = self.documents.run(pack).await?;
                lexical(pack, &weights, unweighed)
            }
        };
        for (embedding, is_cut) in embeddings.iter_mut().zip(&pack.are_cut) {
            if let Ok(embedding) = embedding {
                embedding.is_cut = *is_cut;
            }
        }
        Ok(embeddings)
    }

    /// How many entries of the vocabulary a text of so many tokens can have a weight for.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn most_weights(&self, tokens: usize) -> usize {
        match (self.static_queries(), &self.head) {
            (None, TaskHead::Splade(model, _)) => model.vocabulary(),
            (Some(_), _) | (None, TaskHead::Lexical(_)) => tokens,
        }
    }
}

/// A weight for each token.
fn of_each_token(dense: Dense) -> Head {
    Head::ProjectedTokens {
        projections: vec![Projection::Dense(dense)],
        expanded: false,
    }
}

/// The weights of each text's own tokens, of each the largest that it has anywhere. `weights`: one per token, text by text.
fn lexical(pack: &Pack, weights: &[Vec<f32>], unweighed: &[u32]) -> Vec<Finite<SparseEmbedding>> {
    let mut rest = pack.batch.token_ids();
    let texts = weights.iter().map(|weights| {
        let (ids, others) = rest.split_at(weights.len());
        rest = others;
        finite(weights)?;
        let mut largest: HashMap<u32, f32> = HashMap::new();
        for (id, weight) in ids.iter().zip(weights) {
            let so_far = largest.entry(*id).or_insert(0.0);
            *so_far = so_far.max(*weight);
        }
        largest.retain(|id, _| !unweighed.contains(id));
        Ok(SparseEmbedding::of(ids.len(), largest))
    });
    texts.collect()
}

/// The weights that a masked language model's logits of all of each text's tokens come to.
async fn pooled(
    model: &MaskedLm,
    splade: Splade,
    pack: &Pack,
) -> Result<Vec<Finite<SparseEmbedding>>> {
    let places: Vec<usize> = (0..pack.batch.sizes().tokens).collect();
    let mut embeddings = Vec::with_capacity(pack.lengths.len());
    let mut pool = Pool::new(splade, model.vocabulary());
    let each = |logits: &[f32]| {
        pool.add(logits);
        if pack.lengths.get(embeddings.len()) == Some(&pool.tokens) {
            embeddings.push(pool.embedding());
            pool = Pool::new(splade, model.vocabulary());
        }
    };
    let control = Control::new();
    model
        .for_each_async(&pack.batch, &places, control, each)
        .await?;
    Ok(embeddings)
}

/// The tokens of a text so far.
struct Pool {
    splade: Splade,
    /// Of each entry of the vocabulary the largest logit, or the sum of weights.
    values: Vec<f32>,
    tokens: usize,
    /// Whether every logit was finite.
    finite: Finite<()>,
}

impl Pool {
    fn new(splade: Splade, vocabulary: usize) -> Self {
        Self {
            splade,
            values: vec![0.0; vocabulary], // no lower logit weighs anything
            tokens: 0,
            finite: Ok(()),
        }
    }

    fn add(&mut self, logits: &[f32]) {
        self.tokens += 1;
        self.finite = self.finite.and_then(|()| finite(logits));
        for (value, logit) in self.values.iter_mut().zip(logits) {
            if self.splade.sum {
                *value += self.splade.weight(*logit);
            } else {
                *value = value.max(*logit);
            }
        }
    }

    fn embedding(&self) -> Finite<SparseEmbedding> {
        self.finite?;
        let weight = |value: f32| match self.splade.sum {
            true => value,
            false => self.splade.weight(value), // which keeps the order of logits
        };
        let weights = (0..).zip(self.values.iter().map(|value| weight(*value)));
        Ok(SparseEmbedding::of(self.tokens, weights))
    }
}

impl SparseEmbedding {
    pub(super) fn of(tokens: usize, weights: impl IntoIterator<Item = (u32, f32)>) -> Self {
        let weights = weights.into_iter().filter(|(_, weight)| *weight != 0.0);
        let weights = weights.map(|(id, weight)| TokenWeight { id, weight });
        let mut weights: Vec<TokenWeight> = weights.collect();
        weights.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id)));
        Self {
            tokens,
            is_cut: false,
            weights,
        }
    }
}
