use std::path::Path;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{AttentionLayer, ModelOptions, SentenceTransformer};
use crate::text::{Encoding, Text, TokenOrigin, Tokenizer};

/// Tells which tokens of a text attend to which, in a layer of a model: for whoever wants to know what a head looks for.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{AttentionReader, AttentionToken};
///
/// # let folder = "tests/data/spans/bert-tags";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// let reader = AttentionReader::load(&gpu, folder, 0, &options)?; // the first layer
/// let attention = reader.read("the cat sat")?;
/// let head = attention.head(1)?; // [queries, keys]
/// for (AttentionToken { token, .. }, weights) in attention.tokens.iter().zip(head.chunks(attention.tokens.len())) {
///     println!("{token}: {weights:.2?}");
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking:
///
/// ```
/// # use wgformer::{Gpu, models::ModelOptions, tasks::AttentionReader};
/// # let (folder, options) = ("tests/data/spans/bert-tags", ModelOptions::default());
/// # pollster::block_on(async {
/// let reader = AttentionReader::load_async(&Gpu::new()?, folder, 0, &options).await?;
/// let attention = reader.read_async(("who sat", "the cat")).await?; // a pair
/// println!("{} heads of {} layers", attention.heads, reader.layer().layers());
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Debug)]
pub struct AttentionReader {
    layer: AttentionLayer,
    tokenizer: Tokenizer,
}

/// The attention of a layer in one text, or pair of texts.
///
/// ```
/// # use wgformer::tasks::{AttentionReader, AttentionWeights};
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-tags");
/// # let reader = AttentionReader::load(&gpu, folder, 0, &Default::default())?;
/// let attention: AttentionWeights = reader.read("the cat sat")?;
/// let (tokens, mean) = (attention.tokens.len(), attention.mean());
/// assert_eq!(attention.values.len(), attention.heads * tokens * tokens);
/// assert_eq!(mean.len(), tokens * tokens);
/// assert!(attention.head(attention.heads).is_err());
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Of token ids, where there is no tokenizer:
///
/// ```
/// # use wgformer::{models::AttentionLayer, tasks::AttentionWeights};
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/heads/torch_transformer_encoder-masked-lm");
/// let layer = AttentionLayer::load(&gpu, folder.as_ref(), 0, 512, &Default::default())?;
/// let attention = AttentionWeights::of_ids(&layer, &[5, 17, 3])?;
/// assert_eq!(attention.tokens[1].token, "17");
/// # pollster::block_on(async {
/// assert_eq!(AttentionWeights::of_ids_async(&layer, &[5, 17, 3]).await?, attention);
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttentionWeights {
    /// All that the model reads, special tokens included.
    pub tokens: Vec<AttentionToken>,
    /// How many heads the layer has.
    pub heads: usize,
    /// `[heads, queries, keys]`, row-major: of what a token takes up, the share that comes from each token. Those of a
    /// query add up to 1.
    pub values: Vec<f32>,
}

/// A token of a text, and where it comes from.
///
/// See [`AttentionReader`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttentionToken {
    /// What the vocabulary has under its id, such as `##ing`.
    pub token: String,
    /// Its id.
    pub id: u32,
    /// Where it comes from.
    pub origin: TokenOrigin,
}

impl AttentionReader {
    /// Loads the encoder of a Hugging Face directory up to a layer, counted from 0.
    ///
    /// # Errors
    /// As [`AttentionLayer::load`], and [`Error::Tokenizer`].
    pub fn load(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        layer: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
        let layer = AttentionLayer::load(gpu, &own.transformer, layer, max_tokens, options)?;
        Ok(Self {
            tokenizer: Tokenizer::open(&own.transformer, layer.max_tokens())?,
            layer,
        })
    }

    /// [`AttentionReader::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`AttentionReader::load`].
    pub async fn load_async(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        layer: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let (own, options) = (gpu.clone(), options.clone());
        let directory = directory.as_ref().to_owned();
        gpu.off_thread(move || Self::load(&own, directory, layer, &options))
            .await
    }

    /// The layer.
    #[must_use]
    pub fn layer(&self) -> &AttentionLayer {
        &self.layer
    }

    /// The attention weights of all heads in a text or a pair of texts, which is read as it is given: no prompt is put
    /// before it.
    ///
    /// # Errors
    /// [`Error::TooLong`], since a part of a text has other weights; [`Error::Tokenizer`]; [`Error::Malformed`] for one that
    /// is of another model; [`Error::Overflow`] if a weight is not finite; as
    /// [`AttentionLayer::weights`] for the device.
    pub fn read<'a>(&self, text: impl Into<Text<'a>>) -> Result<AttentionWeights> {
        self.layer.block_on(self.read_async(text))
    }

    /// [`AttentionReader::read`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`AttentionReader::read`].
    pub async fn read_async<'a>(&self, text: impl Into<Text<'a>>) -> Result<AttentionWeights> {
        let most = self.layer.max_tokens();
        let encodings = self.tokenizer.encode_more_than(most, [text.into()])?;
        let Some(Encoding { tokens, origins }) = encodings.into_iter().next() else {
            return Err(self.tokenizer.error("gives nothing for a text"));
        };
        if tokens.ids.len() > most {
            return Err(Error::TooLong { index: 0, most });
        }
        let named = tokens.ids.iter().zip(origins);
        let named = named.map(|(id, origin)| AttentionToken {
            token: self.tokenizer.token(*id).unwrap_or_default(),
            id: *id,
            origin,
        });
        let weights = AttentionWeights::of(&self.layer, named.collect(), &tokens.types).await;
        weights.map_err(|error| self.tokenizer.blamed(error))
    }
}

impl AttentionWeights {
    /// The attention weights of a layer in a sequence of token ids, for models that have no tokenizer: each token goes by
    /// its id, and is of no text.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a weight is not finite; as [`AttentionLayer::weights`].
    pub fn of_ids(layer: &AttentionLayer, ids: &[u32]) -> Result<Self> {
        layer.block_on(Self::of_ids_async(layer, ids))
    }

    /// [`AttentionWeights::of_ids`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`AttentionWeights::of_ids`].
    pub async fn of_ids_async(layer: &AttentionLayer, ids: &[u32]) -> Result<Self> {
        let tokens = ids.iter().map(|id| AttentionToken {
            token: id.to_string(),
            id: *id,
            origin: TokenOrigin {
                start: 0,
                end: 0,
                is_special: true,
                word_id: None,
                sequence_id: None,
            },
        });
        Self::of(layer, tokens.collect(), &vec![0; ids.len()]).await
    }

    async fn of(
        layer: &AttentionLayer,
        tokens: Vec<AttentionToken>,
        types: &[u32],
    ) -> Result<Self> {
        let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
        let values = layer.weights_async(&ids, types).await?;
        if let Some(value) = values.iter().copied().find(|weight| !weight.is_finite()) {
            return Err(Error::Overflow { index: 0, value });
        }
        Ok(Self {
            tokens,
            heads: layer.heads(),
            values,
        })
    }

    /// The weights of a head, counted from 0: `[queries, keys]`.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such head.
    pub fn head(&self, head: usize) -> Result<&[f32]> {
        if head >= self.heads {
            return Err(Error::Input {
                name: "head".to_owned(),
                message: format!("must be 0 to {}, is {head}", self.heads.saturating_sub(1)),
            });
        }
        let one = self.tokens.len().pow(2);
        Ok(&self.values[head * one..(head + 1) * one])
    }

    /// The mean over all heads: `[queries, keys]`.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        let one = self.tokens.len().pow(2);
        let mean = |place: usize| {
            let heads = (0..self.heads).map(|head| f64::from(self.values[head * one + place]));
            (heads.sum::<f64>() / self.heads as f64) as f32
        };
        (0..one).map(mean).collect()
    }
}
