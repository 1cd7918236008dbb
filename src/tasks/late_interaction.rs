use std::path::Path;
use std::sync::Arc;

use super::Embedding;
use super::max_sim::{self, MaxSim};
use super::rerank::{Ranked, best_first};
#[cfg(not(target_arch = "wasm32"))]
use super::stream::{Stream, StreamOptions};
use super::text_model::TextModel;
use super::token_form::Form;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Model, ModelOptions, MultiVector, Network, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::text::{Text, Tokenizer};

/// Turns texts into a vector per token, and compares a query with documents by the best that each of its tokens finds
/// (ColBERT). Better than one vector per text, and unlike a cross-encoder it may read documents beforehand. Clones share
/// the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{LateInteraction, Ranked, Side};
///
/// # let folder = "tests/data/retrieval/colbert";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", LateInteraction::memory_needed(&gpu, folder, &options)?.total());
/// let model = LateInteraction::load(&gpu, folder, &options)?;
/// let texts = ["The cat sat on the mat.", "Snow fell all night."];
/// for Ranked { index, score, .. } in model.rank("Where did it sit?", &texts)? {
///     println!("{score:.3} {}", texts[index]);
/// }
///
/// let documents = model.embed(Side::Document, &texts)?; // to be kept
/// let query = &model.embed(Side::Query, &["Where did it sit?"])?[0];
/// assert_eq!(query.values.len() % model.dimensions(), 0);
/// let scores = model.scores(query, &documents)?;
/// assert_eq!(scores.len(), 2);
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking, within a time, and on another device:
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::{Gpu, models::ModelOptions, plan::Control, tasks::{LateInteraction, Side}};
/// # let (folder, options) = ("tests/data/retrieval/pylate", ModelOptions::default());
/// # pollster::block_on(async {
/// let gpu = Gpu::new()?;
/// let model = LateInteraction::load_async(&gpu, folder, &options).await?;
/// model.warm_up()?; // or, without blocking:
/// model.warm_up_async().await?;
/// let (query, texts) = ("a cat", ["a dog", "a cat"]);
/// let ranked = model.rank_async(query, &texts).await?;
/// let documents = model.embed_async(Side::Document, &texts).await?;
/// let queries = model.embed_async(Side::Query, &[query]).await?;
/// println!("{:?}", model.scores_async(&queries[0], &documents).await?);
///
/// let in_time = || Control::new().timeout(Duration::from_secs(60));
/// assert_eq!(model.rank_with(query, &texts, in_time())?, ranked);
/// assert_eq!(model.rank_with_async(query, &texts, in_time()).await?, ranked);
/// assert_eq!(model.embed_with(Side::Document, &texts, in_time())?, documents);
/// assert_eq!(model.embed_with_async(Side::Document, &texts, in_time()).await?, documents);
///
/// let another = Gpu::new()?; // after the first was lost
/// let recovered = model.recover(&another)?;
/// let recovered = recovered.recover_async(&another).await?;
/// println!("{} bytes, {} tokens at most", recovered.memory().total(), recovered.model().max_tokens());
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LateInteraction {
    pub(super) queries: TextModel,
    pub(super) documents: TextModel,
    max_sim: MaxSim,
    is_mean: bool,
    options: Arc<ModelOptions>,
}

/// What a text is read as.
///
/// See [`LateInteraction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is asked: marked as such, and mostly filled up with mask tokens.
    Query,
    /// What is searched: marked as such, and mostly without vectors for punctuation.
    Document,
}

/// Documents whose vectors are in memory at once.
const PIECE: usize = 256;

impl LateInteraction {
    /// Loads a directory of sentence-transformers' `MultiVectorEncoder`, of PyLate, of Stanford's ColBERT or of BGE-M3: [`MultiVector::of`]. A budget of memory is for the
    /// model and the comparison.
    ///
    /// # Errors
    /// As [`MultiVector::of`] and [`Model::load`], and [`Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let parts = Parts::read(directory.as_ref())?;
        let of_model = options.clone().beside(&parts.of_max_sim(gpu, options)?);
        let Parts {
            own,
            multi_vector,
            network,
            max_tokens: most,
        } = parts;
        let model = Model::of_network(gpu, network, most, &of_model)?;
        let text_model = TextModel::with_tokenizer(model, &own, true, |folder, _| {
            Tokenizer::open(folder, usize::MAX)
        })?;
        let columns = multi_vector.columns();
        let (tokenizer, lower_case) = (text_model.tokenizer.clone(), own.lower_case);
        let queries = Form::of_queries(&multi_vector, &tokenizer, most, lower_case)?;
        let documents = Form::of_documents(&multi_vector, &tokenizer, most, lower_case)?;
        Ok(Self {
            queries: text_model.clone().with_form(queries),
            documents: text_model.with_form(documents),
            max_sim: MaxSim::compile(gpu, columns, longest(most), options)?,
            is_mean: multi_vector.is_mean,
            options: Arc::new(options.clone()),
        })
    }

    /// [`LateInteraction::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`LateInteraction::load`].
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

    /// What [`LateInteraction::load`] would take on the device, and one run of a full batch with one comparison; nothing is
    /// allocated.
    ///
    /// # Errors
    /// As [`LateInteraction::load`], without what concerns the weights' values.
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let parts = Parts::read(directory.as_ref())?;
        let of_max_sim = parts.of_max_sim(gpu, options)?;
        let of_model = options.clone().beside(&of_max_sim);
        let (folder, head) = (&parts.own.transformer, parts.multi_vector.head());
        let model = Model::memory_needed(gpu, folder, head, parts.max_tokens, &of_model)?;
        Ok(model.with(&of_max_sim))
    }

    /// The same on another device, after its own was lost: [`Model::recover`].
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        let model = self.model().recover(gpu)?;
        let (columns, longest) = (self.dimensions(), longest(model.max_tokens()));
        Ok(Self {
            queries: self.queries.clone().with_model(model.clone()),
            documents: self.documents.clone().with_model(model),
            max_sim: MaxSim::compile(gpu, columns, longest, &self.options)?,
            ..self.clone()
        })
    }

    /// [`LateInteraction::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        let (own, lost) = (gpu.clone(), self.clone());
        gpu.off_thread(move || lost.recover(&own)).await
    }

    /// Runs every pipeline of model and comparison once: [`Model::warm_up`].
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn warm_up(&self) -> Result<()> {
        self.documents.block_on(self.warm_up_async())
    }

    /// [`LateInteraction::warm_up`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub async fn warm_up_async(&self) -> Result<()> {
        self.model().warm_up_async().await?;
        self.max_sim.warm_up().await
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.documents.model
    }

    /// The length of a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.model().columns()
    }

    /// What model and comparison take on the device now; `activations` and `staging` are those of both, as if they were of
    /// one run.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.model().memory().with(&self.max_sim.memory())
    }

    pub(super) fn side(&self, side: Side) -> &TextModel {
        match side {
            Side::Query => &self.queries,
            Side::Document => &self.documents,
        }
    }

    /// The vectors of each text, in order: `[vectors, dimensions]` each.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed).
    pub fn embed<S: AsRef<str>>(&self, side: Side, texts: &[S]) -> Result<Vec<Embedding>> {
        self.embed_with(side, texts, Control::new())
    }

    /// [`LateInteraction::embed`] with a deadline, or somebody who is told after each batch how many texts are done.
    ///
    /// # Errors
    /// As [`LateInteraction::embed`], and [`Error::Deadline`].
    pub fn embed_with<S: AsRef<str>>(
        &self,
        side: Side,
        texts: &[S],
        control: Control<'_>,
    ) -> Result<Vec<Embedding>> {
        self.documents
            .block_on(self.embed_with_async(side, texts, control))
    }

    /// [`LateInteraction::embed`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`LateInteraction::embed`].
    pub async fn embed_async<S: AsRef<str>>(
        &self,
        side: Side,
        texts: &[S],
    ) -> Result<Vec<Embedding>> {
        self.embed_with_async(side, texts, Control::new()).await
    }

    /// [`LateInteraction::embed_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`LateInteraction::embed_with`].
    pub async fn embed_with_async<S: AsRef<str>>(
        &self,
        side: Side,
        texts: &[S],
        control: Control<'_>,
    ) -> Result<Vec<Embedding>> {
        let texts: Vec<Text<'_>> = texts.iter().map(Text::from).collect();
        let outputs = self.side(side).outputs(&texts, control).await?;
        Ok(outputs.into_iter().map(Embedding::from).collect())
    }

    /// The vectors of any number of texts as they come, in bounded memory: as
    /// [`Embedder::stream`](super::Embedder::stream).
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::{LateInteraction, Side, StreamOptions}};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/retrieval/colbert");
    /// # let model = LateInteraction::load(&gpu, folder, &ModelOptions::default())?;
    /// let texts = ["a cat", "a dog"].map(Ok::<_, wgformer::Error>);
    /// for embedded in model.stream(Side::Document, texts, &StreamOptions::default()) {
    ///     let (text, embedding) = embedded?;
    ///     println!("{text}: {} vectors", embedding.values.len() / model.dimensions());
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))] // it has threads
    pub fn stream<T, E, I>(&self, side: Side, texts: I, options: &StreamOptions) -> Stream<T, E>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
    {
        Stream::start(self.side(side), texts.into_iter(), options)
    }

    /// How well each document answers a query: over the query's vectors the sum, for BGE-M3 the mean, of the best product
    /// with any of the document's.
    ///
    /// # Errors
    /// [`Error::Vector`] if there is no whole number of vectors; as [`crate::plan::Plan::run`] for the device.
    pub fn scores(&self, query: &Embedding, documents: &[Embedding]) -> Result<Vec<f32>> {
        self.documents.block_on(self.scores_async(query, documents))
    }

    /// [`LateInteraction::scores`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`LateInteraction::scores`].
    pub async fn scores_async(
        &self,
        query: &Embedding,
        documents: &[Embedding],
    ) -> Result<Vec<f32>> {
        self.check("query", 0, query)?;
        for (index, document) in documents.iter().enumerate() {
            self.check("document", index, document)?;
        }
        let documents: Vec<&[f32]> = documents.iter().map(|it| &it.values[..]).collect();
        let mut scores = self.max_sim.scores(&query.values, &documents).await?;
        if self.is_mean {
            let vectors = (query.values.len() / self.dimensions()).max(1) as f32;
            scores.iter_mut().for_each(|score| *score /= vectors);
        }
        Ok(scores)
    }

    fn check(&self, what: &'static str, index: usize, embedding: &Embedding) -> Result<()> {
        let (values, dimensions) = (embedding.values.len(), self.dimensions());
        if values.is_multiple_of(dimensions) {
            return Ok(());
        }
        Err(Error::Vector {
            what,
            index,
            message: format!("has {values} values, and vectors have {dimensions} dimensions"),
        })
    }

    /// All texts, the best first; of equal ones the earlier.
    ///
    /// # Errors
    /// As [`LateInteraction::embed`], and [`Error::Input`] for a query that is too long, if long texts are refused.
    pub fn rank<S: AsRef<str>>(&self, query: &str, texts: &[S]) -> Result<Vec<Ranked>> {
        self.rank_with(query, texts, Control::new())
    }

    /// [`LateInteraction::rank`] with a deadline, or somebody who is told how many texts are done.
    ///
    /// # Errors
    /// As [`LateInteraction::rank`], and [`Error::Deadline`].
    pub fn rank_with<S: AsRef<str>>(
        &self,
        query: &str,
        texts: &[S],
        control: Control<'_>,
    ) -> Result<Vec<Ranked>> {
        self.documents
            .block_on(self.rank_with_async(query, texts, control))
    }

    /// [`LateInteraction::rank`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`LateInteraction::rank`].
    pub async fn rank_async<S: AsRef<str>>(&self, query: &str, texts: &[S]) -> Result<Vec<Ranked>> {
        self.rank_with_async(query, texts, Control::new()).await
    }

    /// [`LateInteraction::rank_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`LateInteraction::rank_with`].
    pub async fn rank_with_async<S: AsRef<str>>(
        &self,
        query: &str,
        texts: &[S],
        mut control: Control<'_>,
    ) -> Result<Vec<Ranked>> {
        let deadline = control.due();
        let rank = async {
            let queries = self.embed_async(Side::Query, &[query]).await;
            let queries = queries.map_err(of_query)?;
            let mut scores = Vec::with_capacity(texts.len());
            for piece in texts.chunks(PIECE) {
                let documents = self.embed_async(Side::Document, piece).await;
                let documents =
                    documents.map_err(|error| error.renumbered(|index| scores.len() + index))?;
                scores.extend(self.scores_async(&queries[0], &documents).await?);
                control.report(scores.len(), texts.len());
            }
            Ok(best_first(scores))
        };
        self.model().plan().gpu().before(deadline, rank).await
    }
}

/// The caller numbers texts, of which the query is none.
fn of_query(error: Error) -> Error {
    match error {
        Error::TooLong { most, .. } => Error::Input {
            name: "query".to_owned(),
            message: format!("is longer than the {most} tokens that a query may have"),
        },
        other => other,
    }
}

/// The most vectors of a document that is compared, where the model takes so many.
fn longest(max_tokens: usize) -> usize {
    max_tokens.min(8192)
}

/// What a directory says, before any device.
struct Parts {
    own: SentenceTransformer,
    multi_vector: MultiVector,
    network: Network,
    /// The longest text that the model reads.
    max_tokens: usize,
}

impl Parts {
    fn read(directory: &Path) -> Result<Self> {
        let own = SentenceTransformer::read(directory)?;
        let multi_vector = MultiVector::of(directory, &own)?;
        // The lengths that it says are for queries and documents, not for what a plain encoder would take.
        let lengths = [
            multi_vector.query.max_tokens,
            multi_vector.document.max_tokens,
        ];
        let max_tokens = match lengths {
            [Some(query), Some(document)] => query.max(document),
            _ => own.max_tokens.unwrap_or(usize::MAX),
        };
        let network = Network::open(&own.transformer, multi_vector.head())?;
        Ok(Self {
            own,
            multi_vector,
            max_tokens: max_tokens.min(network.encoder.max_tokens),
            network,
        })
    }

    /// What the comparison takes, of a budget that is for the model too.
    fn of_max_sim(&self, gpu: &Gpu, options: &ModelOptions) -> Result<Memory> {
        let columns = self.multi_vector.columns();
        max_sim::needed(gpu, columns, longest(self.max_tokens), options)
    }
}
