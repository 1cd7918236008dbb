use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

#[cfg(not(target_arch = "wasm32"))]
use super::stream::{Stream, StreamOptions};
use super::text_model::{Output, TextModel};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::index::Metric;
use crate::models::{Batch, Config, Head, Model, ModelOptions, SentenceTransformer};
use crate::ops::Pooling;
use crate::plan::{Control, Memory};
use crate::text::Text;

/// Turns texts into vectors: a model with its tokenizer and its pooling. Clones share all of it, from any thread.
///
/// ```
/// # let folder = "tests/data/tiny/plain";
/// let gpu = wgformer::Gpu::new()?;
/// let model = wgformer::Embedder::load(&gpu, folder)?; // such as "models/all-MiniLM-L6-v2"
/// let vectors = model.embed(&["a cat", "a dog"])?;
/// assert_eq!(vectors[1].len(), model.dimensions());
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedder {
    pub(super) text_model: TextModel,
    own: Arc<SentenceTransformer>,
}

/// How an [`Embedder`] is loaded; whatever is not said here, the model's own files decide.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::ops::Pooling;
/// use wgformer::tasks::EmbedderOptions;
/// use wgformer::tensor::WeightType;
///
/// let options = EmbedderOptions::default()
///     .pooling(Pooling::Cls)
///     .normalize(false)
///     .model(ModelOptions::default().weight_type(WeightType::F16));
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
/// let model = wgformer::Embedder::load_with(&gpu, folder, &options)?;
/// # let _ = model;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EmbedderOptions {
    pub(crate) pooling: Option<Pooling>,
    pub(crate) normalize: Option<bool>,
    pub(crate) per_token: bool,
    pub(crate) prompt: Option<String>,
    pub(crate) dimensions: Option<usize>,
    pub(crate) refuse_long_texts: bool,
    pub(crate) model: ModelOptions,
}

impl EmbedderOptions {
    /// How tokens become one vector.
    #[must_use]
    pub fn pooling(self, pooling: Pooling) -> Self {
        Self {
            pooling: Some(pooling),
            ..self
        }
    }

    /// Whether vectors have length 1: sentence-transformers' `normalize_embeddings`, but that false leaves out what the model's
    /// files say too.
    #[must_use]
    pub fn normalize(self, normalize: bool) -> Self {
        Self {
            normalize: Some(normalize),
            ..self
        }
    }

    /// One vector per token instead of one per text, special tokens included, never normalised.
    ///
    /// ```
    /// # use wgformer::tasks::EmbedderOptions;
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let options = EmbedderOptions::default().per_token(true);
    /// let embedder = wgformer::Embedder::load_with(&gpu, folder, &options)?;
    /// for embedding in embedder.embeddings(&["a cat", "a dog"])? {
    ///     assert_eq!(embedding.values.len(), embedding.tokens * embedder.dimensions());
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn per_token(self, per_token: bool) -> Self {
        Self { per_token, ..self }
    }

    /// The name of the prompt that is put before every text, one of [`SentenceTransformer::prompts`], rather than the
    /// model's default.
    ///
    /// ```
    /// # use wgformer::tasks::EmbedderOptions;
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let options = EmbedderOptions::default().prompt("query");
    /// let queries = wgformer::Embedder::load_with(&gpu, folder, &options)?;
    /// let documents = queries.with_prompt("document")?; // the same model
    /// println!("{}", documents.prompts().len());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn prompt(self, name: impl Into<String>) -> Self {
        Self {
            prompt: Some(name.into()),
            ..self
        }
    }

    /// How many of a vector's elements are kept, the first ones: for models that were trained for it (Kusupati and others,
    /// 2022, "Matryoshka"). As with sentence-transformers' `truncate_dim`, what had length 1 has it again only if
    /// [`EmbedderOptions::normalize`] asks for it; the cosine of two vectors is the same either way.
    ///
    /// ```
    /// # use wgformer::tasks::EmbedderOptions;
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let options = EmbedderOptions::default().dimensions(8).normalize(true);
    /// let embedder = wgformer::Embedder::load_with(&gpu, folder, &options)?;
    /// let vector = &embedder.embed(&["a cat"])?[0];
    /// assert_eq!(vector.len(), 8);
    /// assert!((wgformer::tasks::cosine(vector, vector) - 1.0).abs() < 1e-5);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn dimensions(self, dimensions: usize) -> Self {
        Self {
            dimensions: Some(dimensions),
            ..self
        }
    }

    /// Whether a text that is longer than the model takes is [`Error::TooLong`]; by default it is cut.
    ///
    /// ```
    /// # use wgformer::tasks::EmbedderOptions;
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let options = EmbedderOptions::default().refuse_long_texts(true);
    /// let embedder = wgformer::Embedder::load_with(&gpu, folder, &options)?;
    /// let error = embedder.embed(&["short", &"long ".repeat(100)]).unwrap_err();
    /// assert!(matches!(error, wgformer::Error::TooLong { index: 1, .. }));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn refuse_long_texts(self, refuse: bool) -> Self {
        Self {
            refuse_long_texts: refuse,
            ..self
        }
    }

    /// How the model is loaded.
    #[must_use]
    pub fn model(self, model: ModelOptions) -> Self {
        Self { model, ..self }
    }

    fn normalizes(&self, own: &SentenceTransformer) -> bool {
        self.normalize.unwrap_or(own.normalize)
    }

    /// What follows the encoder of such a directory.
    fn head(&self, own: &SentenceTransformer) -> Result<Head> {
        if self.per_token {
            return Ok(Head::HiddenStates);
        }
        own.expect_vector()?;
        let pooling = self.pooling.unwrap_or(own.pooling);
        Ok(own.head(pooling, self.normalizes(own)))
    }
}

/// The vector of one text, or its vectors where there is one per token.
///
/// ```
/// # let model = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
/// let embedding = &model.embeddings(&["a cat"])?[0];
/// println!("{} tokens: {:?}", embedding.tokens, embedding.values);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// How many tokens the text has, special tokens included, after it was cut to the model's length.
    pub tokens: usize,
    /// Whether it had more, which were cut off.
    pub is_cut: bool,
    /// `[dimensions]`, or `[tokens, dimensions]` with [`EmbedderOptions::per_token`]; of
    /// [`LateInteraction`](super::LateInteraction) a row for each token that has a vector.
    pub values: Vec<f32>,
}

impl Embedder {
    /// Loads a Hugging Face directory; its sentence-transformers files, if it has any, decide pooling, normalisation
    /// and the longest text.
    ///
    /// # Errors
    /// As [`Model::load`], and [`Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(gpu, directory, &EmbedderOptions::default())
    }

    /// As [`Embedder::load`], with options.
    ///
    /// See [`EmbedderOptions`] for an example.
    ///
    /// # Errors
    /// As [`Embedder::load`].
    pub fn load_with(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &EmbedderOptions,
    ) -> Result<Self> {
        let mut own = SentenceTransformer::read(directory.as_ref())?;
        warn_of_head(&own)?;
        let head = options.head(&own)?;
        let text_model = TextModel::load(gpu, &own, head, &options.model)?;
        let hidden = text_model.model.hidden();
        if let Some((dimensions, path)) =
            own.dimensions.clone().filter(|(count, _)| *count != hidden)
        {
            return Err(Error::Malformed {
                path,
                message: format!("pools {dimensions} dimensions, the model has {hidden}"),
            });
        }
        let prompt = own.prompt(options.prompt.as_deref())?.to_owned();
        // What its vectors are made by, whoever said so.
        own.pooling = options.pooling.unwrap_or(own.pooling);
        own.normalize = options.normalizes(&own);
        if let Some(name) = &options.prompt {
            own.default_prompt = Some(name.clone());
        }
        let mut text_model = text_model
            .with_prompt(&prompt)
            .refusing_long_texts(options.refuse_long_texts);
        let own_dimensions = own.truncate_dim.filter(|_| !options.per_token);
        if let Some(dimensions) = options.dimensions.or(own_dimensions) {
            let columns = text_model.model.columns();
            if !(1..=columns).contains(&dimensions) {
                return Err(Error::Input {
                    name: "dimensions".to_owned(),
                    message: format!("must be 1 to {columns}, is {dimensions}"),
                });
            }
            let normalize = options.normalize == Some(true) && !options.per_token;
            text_model = text_model.with_columns(dimensions, normalize);
        }
        Ok(Self {
            text_model,
            own: Arc::new(own),
        })
    }

    /// What [`Embedder::load_with`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// ```
    /// use wgformer::tasks::EmbedderOptions;
    ///
    /// # let folder = "tests/data/tiny/plain";
    /// let (gpu, options) = (wgformer::Gpu::new()?, EmbedderOptions::default());
    /// let needed = wgformer::Embedder::memory_needed(&gpu, folder, &options)?;
    /// println!("{} bytes of weights, and {} for each run", needed.weights, needed.per_run());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::load`], without what concerns the weights' values.
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &EmbedderOptions,
    ) -> Result<Memory> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        TextModel::memory_needed(gpu, &own, options.head(&own)?, &options.model)
    }

    /// The same model with another of its prompts before every text, such as `query` or `document`.
    ///
    /// See [`EmbedderOptions::prompt`] for an example.
    ///
    /// # Errors
    /// As [`SentenceTransformer::prompt`].
    pub fn with_prompt(&self, name: &str) -> Result<Self> {
        let prompt = self.own.prompt(Some(name))?;
        let text_model = self.text_model.clone().with_prompt(prompt);
        let own = SentenceTransformer {
            default_prompt: Some(name.to_owned()),
            ..(*self.own).clone()
        };
        Ok(Self {
            text_model,
            own: Arc::new(own),
        })
    }

    /// The same model for queries: with its prompt `query`, if it has one, as sentence-transformers' `encode_query`.
    ///
    /// ```
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let query = &embedder.for_queries()?.embed(&["a pet"])?[0];
    /// for text in embedder.for_documents()?.embed(&["a cat", "the sea"])? {
    ///     println!("{:.3}", wgformer::tasks::cosine(query, &text));
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`SentenceTransformer::prompt`].
    pub fn for_queries(&self) -> Result<Self> {
        self.with_prompt_if_any(self.own.query_prompt())
    }

    /// The same model for what is searched: with the first there is of its prompts `document`, `passage` and `corpus`, as
    /// sentence-transformers' `encode_document`.
    ///
    /// See [`Embedder::for_queries`] for an example.
    ///
    /// # Errors
    /// As [`SentenceTransformer::prompt`].
    pub fn for_documents(&self) -> Result<Self> {
        self.with_prompt_if_any(self.own.document_prompt())
    }

    fn with_prompt_if_any(&self, name: Option<&str>) -> Result<Self> {
        name.map_or_else(|| Ok(self.clone()), |name| self.with_prompt(name))
    }

    /// The model's prompts, by name.
    ///
    /// See [`EmbedderOptions::prompt`] for an example.
    #[must_use]
    pub fn prompts(&self) -> &BTreeMap<String, String> {
        &self.own.prompts
    }

    /// [`Embedder::load_with`], on a thread of its own, without blocking this one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wgformer::{Embedder, Gpu, plan::Control};
    /// # let (gpu, folder) = (Gpu::new()?, "tests/data/tiny/plain");
    /// # pollster::block_on(async {
    /// let embedder = Embedder::load_async(&gpu, folder, &Default::default()).await?;
    /// let vectors = embedder.embed_async(&["a cat", "a dog"]).await?;
    /// assert_eq!(embedder.embeddings_async(&["a cat"]).await?[0].values, vectors[0]);
    ///
    /// let soon = || Control::new().timeout(Duration::from_secs(60));
    /// let same = embedder.embed_with_async(&["a cat"], soon()).await?;
    /// let counted = embedder.embeddings_with_async(&["a cat"], soon()).await?;
    /// assert_eq!(same[0], counted[0].values);
    ///
    /// let another = Gpu::new()?; // after the first was lost
    /// let embedder = embedder.recover_async(&another).await?;
    /// assert_eq!(embedder.embed_async(&["a cat", "a dog"]).await?, vectors);
    /// # Ok::<(), wgformer::Error>(()) })?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::load`].
    pub async fn load_async(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &EmbedderOptions,
    ) -> Result<Self> {
        let (own, options) = (gpu.clone(), options.clone());
        let directory = directory.as_ref().to_owned();
        gpu.off_thread(move || Self::load_with(&own, directory, &options))
            .await
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.text_model.model
    }

    /// What says how near two of its vectors are, for an [`Index`](crate::Index): the cosine, unless its files say otherwise.
    ///
    /// ```
    /// use wgformer::index::{IndexOptions, Metric};
    ///
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let options = IndexOptions::default().metric(embedder.metric()?);
    /// assert_eq!(embedder.metric()?, Metric::Cosine);
    /// # let _ = wgformer::Index::new(&gpu, embedder.dimensions(), &options)?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] if it is neither the cosine nor the dot product.
    pub fn metric(&self) -> Result<Metric> {
        match self.own.similarity.as_deref() {
            None | Some("cosine") => Ok(Metric::Cosine),
            Some("dot" | "dot_product") => Ok(Metric::DotProduct),
            Some(other) => Err(Error::Unsupported {
                path: self.own.directory.clone(),
                what: "similarity_fn_name",
                found: other.to_owned(),
                supported: "cosine, dot".to_owned(),
            }),
        }
    }

    /// The length of a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.text_model.columns()
    }

    /// One vector per text or pair of texts, in order: `[dimensions]` each. A prompt is put before the first of a pair.
    ///
    /// ```
    /// # let embedder = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
    /// let vectors = embedder.embed(["a cat", "a dog"])?;
    /// let of_pairs = embedder.embed([("Who sat?", "A cat sat."), ("Who slept?", "A dog slept.")])?;
    /// assert_eq!((vectors.len(), of_pairs.len()), (2, 2));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tokenizer`], [`Error::Malformed`] for one that is of another model, [`Error::TooLong`] if long texts are
    /// refused, [`Error::Overflow`] if a result is not finite; as [`Model::run`] for the device.
    pub fn embed<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Vec<f32>>> {
        self.text_model.block_on(self.embed_async(texts))
    }

    /// [`Embedder::embed`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub async fn embed_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Vec<f32>>> {
        self.embed_with_async(texts, Control::new()).await
    }

    /// As [`Embedder::embed`], with the number of tokens of each text.
    ///
    /// See [`Embedding`] for an example.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub fn embeddings<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Embedding>> {
        self.text_model.block_on(self.embeddings_async(texts))
    }

    /// [`Embedder::embeddings`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub async fn embeddings_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Embedding>> {
        self.embeddings_with_async(texts, Control::new()).await
    }

    /// [`Embedder::embed`] with a deadline, or somebody who is told after each batch how many texts are done.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wgformer::plan::Control;
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// # let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let texts = ["a cat", "a dog"];
    /// let control = Control::new()
    ///     .timeout(Duration::from_secs(60))
    ///     .progress(|progress| println!("{} of {} texts", progress.done, progress.total));
    /// let vectors = embedder.embed_with(&texts, control)?;
    ///
    /// let with_tokens = embedder.embeddings_with(&texts, Control::new())?;
    /// assert_eq!(with_tokens[1].values, vectors[1]);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::embed`], and [`Error::Deadline`].
    pub fn embed_with<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        self.text_model
            .block_on(self.embed_with_async(texts, control))
    }

    /// [`Embedder::embed_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`].
    pub async fn embed_with_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        let embeddings = self.embeddings_with_async(texts, control).await?;
        let values = embeddings.into_iter().map(|embedding| embedding.values);
        Ok(values.collect())
    }

    /// As [`Embedder::embed_with`], with the number of tokens of each text.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`].
    pub fn embeddings_with<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<Embedding>> {
        self.text_model
            .block_on(self.embeddings_with_async(texts, control))
    }

    /// [`Embedder::embeddings_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`].
    pub async fn embeddings_with_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<Embedding>> {
        let texts: Vec<Text<'_>> = texts.into_iter().map(Into::into).collect();
        let outputs = self.text_model.outputs(&texts, control).await?;
        Ok(outputs.into_iter().map(Embedding::from).collect())
    }

    /// The same on another device, after its own was lost: [`Model::recover`].
    ///
    /// ```
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// # let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let another = wgformer::Gpu::new()?; // after the first was lost
    /// let embedder = embedder.recover(&another)?;
    /// # let _ = embedder;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            text_model: self.text_model.recover(gpu)?,
            ..self.clone()
        })
    }

    /// [`Embedder::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            text_model: self.text_model.recover_async(gpu).await?,
            ..self.clone()
        })
    }

    /// Embeds any number of texts as they come, in memory that does not grow with their number: while some are read and
    /// tokenised on threads of their own, others run, and the caller does with the results what it likes.
    ///
    /// The results are those of [`Embedder::embeddings`] to the bit, in order, each with its text: whatever a [`Text`] can
    /// be made of, so that an application may let its own data travel along. What `texts` fails with comes out after
    /// everything before it, and so does every other error; it is the last item. Dropping the stream stops it.
    ///
    /// ```
    /// use std::io::{self, BufRead};
    /// use wgformer::tasks::StreamOptions;
    ///
    /// # let embedder = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
    /// # let file = "a cat\na dog\n".as_bytes();
    /// let lines = io::BufReader::new(file).lines();
    /// let lines = lines.map(|line| line.map_err(Box::<dyn std::error::Error + Send + Sync>::from));
    /// for embedded in embedder.stream(lines, &StreamOptions::default()) {
    ///     let (line, embedding) = embedded?;
    ///     println!("{line}: {:?}", embedding.values);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// Pairs of texts, in a type of the application's:
    ///
    /// ```
    /// # use wgformer::tasks::StreamOptions;
    /// use wgformer::text::Text;
    ///
    /// struct Record {
    ///     number: u64,
    ///     question: String,
    ///     answer: String,
    /// }
    ///
    /// impl<'a> From<&'a Record> for Text<'a> {
    ///     fn from(record: &'a Record) -> Self {
    ///         Text::Pair(&record.question, &record.answer)
    ///     }
    /// }
    ///
    /// # let embedder = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
    /// let record = |number| Record { number, question: "Who sat?".into(), answer: "A cat.".into() };
    /// let records = (0..100).map(move |number| Ok::<_, wgformer::Error>(record(number)));
    /// for embedded in embedder.stream(records, &StreamOptions::default()) {
    ///     let (record, embedding) = embedded?;
    ///     println!("{}: {} tokens", record.number, embedding.tokens);
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))] // it has threads
    pub fn stream<T, E, I>(&self, texts: I, options: &StreamOptions) -> Stream<T, E>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
    {
        Stream::start(&self.text_model, texts.into_iter(), options)
    }

    /// As [`Embedder::embed_with`], of all columns, whatever [`EmbedderOptions::dimensions`] keeps of them.
    pub(super) fn whole_vectors<S: AsRef<str>>(
        &self,
        texts: &[S],
        control: Control<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        let whole = Self {
            text_model: self.text_model.clone().with_all_columns(),
            ..self.clone()
        };
        whole.embed_with(texts, control)
    }

    /// What its directory would say of a model that makes its vectors, and keeps all of their columns.
    ///
    /// # Errors
    /// [`Error::Input`] if there is one per token.
    pub(super) fn as_directory(&self) -> Result<SentenceTransformer> {
        self.expect_one_vector("a classifier")?;
        Ok((*self.own).clone())
    }

    /// Checks that there is one vector per text, which `reader` reads.
    ///
    /// # Errors
    /// [`Error::Input`] if there is one per token.
    pub(super) fn expect_one_vector(&self, reader: &str) -> Result<()> {
        if !self.text_model.is_per_token() {
            return Ok(());
        }
        Err(Error::Input {
            name: "per_token".to_owned(),
            message: format!("is set, and {reader} reads one vector per text"),
        })
    }

    /// The texts as one batch, in order, for [`Model::begin`]; the result has a row per text,
    /// `[texts, columns]`.
    ///
    /// The rows are whole, whatever [`EmbedderOptions::dimensions`] keeps of them.
    ///
    /// It has to fit [`Model::batch_sequences`] and the tokens that the model was loaded for.
    ///
    /// ```
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// # let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let batch = embedder.batch(&["a cat", "a dog"])?;
    /// let vectors = embedder.model().run(&batch)?; // [texts, columns]
    /// assert_eq!(vectors.len(), 2 * embedder.dimensions());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tokenizer`], [`Error::TooLong`].
    pub fn batch<'a>(&self, texts: impl IntoIterator<Item = impl Into<Text<'a>>>) -> Result<Batch> {
        let mut batch = Batch::new();
        let texts: Vec<Text<'_>> = texts.into_iter().map(Into::into).collect();
        for (index, tokens) in self.text_model.tokenize(&texts)?.iter().enumerate() {
            self.text_model.check_length(index, tokens)?;
            batch.push(&tokens.ids, &tokens.types);
        }
        Ok(batch)
    }
}

/// Heads whose checkpoints are hardly meant for embeddings.
const OTHER_TASKS: [&str; 3] = [
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
];

/// Says so if nothing but the lack of another head makes a directory one of embeddings, as sentence-transformers does.
fn warn_of_head(own: &SentenceTransformer) -> Result<()> {
    if own.directory.join("modules.json").exists() {
        return Ok(());
    }
    let config = Config::read(&own.transformer.join("config.json"))?;
    let mut classes = config.architectures().into_iter();
    if let Some(class) = classes.find(|it| OTHER_TASKS.iter().any(|task| it.ends_with(task))) {
        log::warn!(
            "{} was saved as {class}: its head is left out, and the encoder was not trained to give embeddings",
            own.directory.display()
        );
    }
    Ok(())
}

impl From<Output> for Embedding {
    fn from(output: Output) -> Self {
        Self {
            tokens: output.tokens,
            is_cut: output.is_cut,
            values: output.values,
        }
    }
}
