use std::path::Path;
use std::sync::Arc;

use super::batching::batches;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Batch, Head, Model, ModelOptions, SentenceTransformer};
use crate::ops::Pooling;
use crate::text::{Tokenizer, Tokens};

/// Turns texts into vectors: a model with its tokenizer and its pooling. Clones share all of it, from any thread.
///
/// ```no_run
/// let gpu = wgformer::Gpu::new()?;
/// let model = wgformer::Embedder::load(&gpu, "models/all-MiniLM-L6-v2")?;
/// let vectors = model.embed(&["a cat", "a dog"])?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedder {
    model: Model,
    tokenizer: Arc<Tokenizer>,
    lower_case: bool,
    head: Head,
}

/// How an [`Embedder`] is loaded; whatever is `None`, the model's own files decide.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EmbedderOptions {
    pub(crate) pooling: Option<Pooling>,
    pub(crate) normalize: Option<bool>,
    pub(crate) per_token: bool,
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

    /// Whether vectors have length 1.
    #[must_use]
    pub fn normalize(self, normalize: bool) -> Self {
        Self {
            normalize: Some(normalize),
            ..self
        }
    }

    /// One vector per token instead of one per text, special tokens included, never normalised.
    #[must_use]
    pub fn per_token(self, per_token: bool) -> Self {
        Self { per_token, ..self }
    }

    /// How the model is loaded.
    #[must_use]
    pub fn model(self, model: ModelOptions) -> Self {
        Self { model, ..self }
    }
}

/// The vector of one text, or its vectors where there is one per token.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// How many tokens the text has, special tokens included, after it was cut to the model's length.
    pub tokens: usize,
    /// `[hidden]`, or `[tokens, hidden]` with [`EmbedderOptions::per_token`].
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
    /// # Errors
    /// As [`Embedder::load`].
    pub fn load_with(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &EmbedderOptions,
    ) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let head = if options.per_token {
            Head::HiddenStates
        } else {
            Head::Pooled {
                pooling: options.pooling.unwrap_or(own.pooling),
                normalize: options.normalize.unwrap_or(own.normalize),
            }
        };
        let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
        let model = Model::load(gpu, &own.transformer, head, max_tokens, &options.model)?;
        let hidden = model.hidden();
        if let Some((dimensions, path)) = own.dimensions.filter(|(count, _)| *count != hidden) {
            return Err(Error::Malformed {
                path,
                message: format!("pools {dimensions} dimensions, the model has {hidden}"),
            });
        }
        let tokenizer =
            Tokenizer::load(&own.transformer.join("tokenizer.json"), model.max_tokens())?;
        Ok(Self {
            model,
            tokenizer: Arc::new(tokenizer),
            lower_case: own.lower_case,
            head,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The length of a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.model.hidden()
    }

    /// One vector per text, in order: `[hidden]` each.
    ///
    /// # Errors
    /// [`Error::Tokenizer`], [`Error::Overflow`] if a result is not finite; as [`Model::run`] for the device.
    pub fn embed<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Vec<f32>>> {
        pollster::block_on(self.embed_async(texts))
    }

    /// [`Embedder::embed`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub async fn embed_async<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Vec<f32>>> {
        let embeddings = self.embeddings_async(texts).await?;
        Ok(embeddings
            .into_iter()
            .map(|embedding| embedding.values)
            .collect())
    }

    /// As [`Embedder::embed`], with the number of tokens of each text.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub fn embeddings<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Embedding>> {
        pollster::block_on(self.embeddings_async(texts))
    }

    /// [`Embedder::embeddings`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub async fn embeddings_async<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Embedding>> {
        self.embeddings_with_progress(texts, |_| ()).await
    }

    /// [`Embedder::embeddings_async`]; `progress` is told after each batch how many texts it held.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub async fn embeddings_with_progress<S: AsRef<str>>(
        &self,
        texts: &[S],
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Embedding>> {
        let tokens = self.tokenize(texts)?;
        let lengths: Vec<usize> = tokens.iter().map(|tokens| tokens.ids.len()).collect();
        let mut results: Vec<Embedding> = lengths
            .iter()
            .map(|tokens| Embedding {
                tokens: *tokens,
                values: Vec::new(),
            })
            .collect();
        for places in batches(
            &lengths,
            self.model.batch_tokens(),
            self.model.batch_sequences(),
        ) {
            let mut batch = Batch::new();
            for place in &places {
                batch.push(&tokens[*place].ids, &tokens[*place].types);
            }
            let mut values = &self.model.run_async(&batch).await?[..];
            progress(places.len());
            for place in places {
                let rows = if self.head == Head::HiddenStates {
                    lengths[place]
                } else {
                    1
                };
                let (own, rest) = values.split_at(rows * self.dimensions());
                results[place].values = own.to_vec();
                values = rest;
            }
        }
        check_finite(&results)?;
        Ok(results)
    }

    /// The texts as one batch, in order, for [`Model::begin`]; the result has a row per text, `[texts, hidden]`.
    ///
    /// It has to fit [`Model::batch_sequences`] and the tokens that the model was loaded for.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn batch<S: AsRef<str>>(&self, texts: &[S]) -> Result<Batch> {
        let mut batch = Batch::new();
        for tokens in self.tokenize(texts)? {
            batch.push(&tokens.ids, &tokens.types);
        }
        Ok(batch)
    }

    fn tokenize<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Tokens>> {
        if self.lower_case {
            let texts: Vec<String> = texts
                .iter()
                .map(|text| text.as_ref().to_lowercase())
                .collect();
            self.tokenizer.encode(&texts)
        } else {
            self.tokenizer.encode(texts)
        }
    }
}

/// Weights are finite, so a NaN here means that the model overflows on a text: never passed on as a result.
fn check_finite(results: &[Embedding]) -> Result<()> {
    for (index, result) in results.iter().enumerate() {
        if let Some(value) = result.values.iter().find(|value| !value.is_finite()) {
            return Err(Error::Overflow {
                index,
                value: *value,
            });
        }
    }
    Ok(())
}
