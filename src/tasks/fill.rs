use std::path::Path;

use super::text_model::TextModel;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Batch, MaskedLm, ModelOptions, ScoreFunction, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::text::{MASKS, Text, Tokens};

/// Says what could stand where a text has the mask token. Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{Filler, Filling};
///
/// # let folder = "tests/data/tasks/masked-lm";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", Filler::memory_needed(&gpu, folder, &options)?.total());
/// let filler = Filler::load(&gpu, folder, &options)?;
/// let masks = filler.fill("Paris is the [MASK] of France.", 5)?;
/// for Filling { token, score, .. } in &masks[0] {
///     println!("{score:.3} {token}");
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking, within a time, and on another device:
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::{Gpu, models::ModelOptions, plan::Control, tasks::Filler};
/// # let (folder, options) = ("tests/data/tasks/masked-lm", ModelOptions::default());
/// # pollster::block_on(async {
/// let gpu = Gpu::new()?;
/// let filler = Filler::load_async(&gpu, folder, &options).await?;
/// let masks = filler.fill_async("the [MASK] sat", 3).await?;
/// assert!(!filler.is_cut("the [MASK] sat")?);
///
/// let in_time = || Control::new().timeout(Duration::from_secs(60));
/// assert_eq!(filler.fill_with("the [MASK] sat", 3, in_time())?, masks);
/// assert_eq!(filler.fill_with_async("the [MASK] sat", 3, in_time()).await?, masks);
///
/// let another = Gpu::new()?; // after the first was lost
/// let recovered = filler.recover(&another)?;
/// let recovered = recovered.recover_async(&another).await?;
/// println!("{} bytes", recovered.model().memory().total());
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filler {
    pub(super) model: MaskedLm,
    /// The encoder with its tokenizer.
    pub(super) text_model: TextModel,
    mask: Mask,
}

/// What could stand at a mask.
///
/// See [`Filler`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Filling {
    /// The token, as text.
    pub token: String,
    /// Its place in the vocabulary.
    pub id: u32,
    /// Its probability.
    pub score: f32,
}

/// The mask token of a vocabulary.
#[derive(Clone, Debug)]
struct Mask {
    token: &'static str,
    id: u32,
}

impl Filler {
    /// Loads a checkpoint with a head that predicts tokens, and whose vocabulary has a mask token.
    ///
    /// # Errors
    /// As [`MaskedLm::load`], and [`Error::Tokenizer`] if there is no mask token.
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
        let model = MaskedLm::load(gpu, &own.transformer, max_tokens, options)?;
        let text_model = TextModel::of(model.encoder().clone(), &own)?;
        let mask = text_model
            .tokenizer
            .mask()
            .map(|(token, id)| Mask { token, id });
        let mask = mask.ok_or_else(|| Error::Tokenizer {
            path: own.transformer.clone(),
            message: format!("has no mask token, {}", MASKS.join(" or ")),
        })?;
        Ok(Self {
            model,
            text_model,
            mask,
        })
    }

    /// [`Filler::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Filler::load`].
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

    /// What [`Filler::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// # Errors
    /// As [`MaskedLm::memory_needed`].
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
        MaskedLm::memory_needed(gpu, &own.transformer, max_tokens, options)
    }

    /// The same on another device, after its own was lost: [`MaskedLm::recover`].
    ///
    /// # Errors
    /// As [`MaskedLm::recover`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        Ok(self.on(self.model.recover(gpu)?))
    }

    /// [`Filler::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`MaskedLm::recover`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        Ok(self.on(self.model.recover_async(gpu).await?))
    }

    /// The same, with its model on another device.
    fn on(&self, model: MaskedLm) -> Self {
        let text_model = self.text_model.clone().with_model(model.encoder().clone());
        Self {
            model,
            text_model,
            mask: self.mask.clone(),
        }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &MaskedLm {
        &self.model
    }

    /// Both texts with the mask token that the vocabulary has, in place of any other's.
    pub(super) fn with_own_masks(&self, text: Text<'_>) -> [String; 2] {
        let own = |text: String, mask: &&str| text.replace(mask, self.mask.token);
        let texts = text.prompted("", false);
        texts.map(|text| MASKS.iter().fold(text, own))
    }

    /// The tokens of texts or pairs, each with a mask, none of which is cut off.
    ///
    /// # Errors
    /// [`Error::Input`] if there is none, or one that is; [`Error::TooLong`] if long texts are refused;
    /// [`Error::Tokenizer`].
    pub(super) fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Tokens>> {
        let texts = Text::all_without_empty_second(texts.iter().copied());
        let own: Vec<[String; 2]> = texts.iter().map(|it| self.with_own_masks(*it)).collect();
        let with_own = texts.iter().zip(&own).map(|(text, own)| text.with(own));
        let with_own: Vec<Text<'_>> = with_own.collect();
        let tokens = self.text_model.tokenizer.encode(&with_own)?;
        for ((index, texts), tokens) in own.iter().enumerate().zip(&tokens) {
            self.text_model.check_length(index, tokens)?;
            self.check_masks(texts, tokens)?;
        }
        Ok(tokens)
    }

    fn check_masks(&self, texts: &[String; 2], tokens: &Tokens) -> Result<()> {
        let wanted = texts.iter().map(|it| it.matches(self.mask.token).count());
        let (wanted, there): (usize, usize) = (wanted.sum(), self.places(&tokens.ids).count());
        if there > 0 && there >= wanted {
            return Ok(());
        }
        let (name, token) = ("text".to_owned(), self.mask.token);
        let message = match wanted {
            0 => format!("has no {token}"),
            _ => format!(
                "has {wanted} {token}, of which {there} are among the {} tokens that are read: shorten it",
                self.model.encoder().max_tokens()
            ),
        };
        Err(Error::Input { name, message })
    }

    /// Those of the masks among tokens.
    pub(super) fn places<'a>(&self, ids: &'a [u32]) -> impl Iterator<Item = usize> + use<'a> {
        let mask = self.mask.id;
        let ids = ids.iter().enumerate();
        ids.filter(move |(_, id)| **id == mask)
            .map(|(place, _)| place)
    }

    /// For each mask of the text, in order, the `top` likeliest tokens, the best first. Of a pair both texts are read together:
    /// the masks of the first come before those of the second. A second text that is empty is none.
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::Filler};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/masked-lm");
    /// # let filler = Filler::load(&gpu, folder, &ModelOptions::default())?;
    /// let masks = filler.fill(("The [MASK] sat.", "It was a [MASK]."), 3)?;
    /// assert_eq!(masks.len(), 2);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Input`] if the text has no mask, or one that was cut off; [`Error::TooLong`] if
    /// long texts are refused; [`Error::Tokenizer`]; [`Error::Overflow`] if a result is not finite; as [`MaskedLm::run`] for the device.
    pub fn fill<'a>(&self, text: impl Into<Text<'a>>, top: usize) -> Result<Vec<Vec<Filling>>> {
        let gpu = self.model.encoder().plan().gpu();
        gpu.block_on(self.fill_async(text, top))
    }

    /// [`Filler::fill`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Filler::fill`].
    pub async fn fill_async<'a>(
        &self,
        text: impl Into<Text<'a>>,
        top: usize,
    ) -> Result<Vec<Vec<Filling>>> {
        self.fill_with_async(text, top, Control::new()).await
    }

    /// [`Filler::fill`] with a deadline, or somebody who is told how many of the encoder's steps are submitted.
    ///
    /// # Errors
    /// As [`Filler::fill`], and [`Error::Deadline`].
    pub fn fill_with<'a>(
        &self,
        text: impl Into<Text<'a>>,
        top: usize,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Filling>>> {
        let gpu = self.model.encoder().plan().gpu();
        gpu.block_on(self.fill_with_async(text, top, control))
    }

    /// [`Filler::fill_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Filler::fill_with`].
    pub async fn fill_with_async<'a>(
        &self,
        text: impl Into<Text<'a>>,
        top: usize,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Filling>>> {
        let mut batch = Batch::new();
        let mut places = Vec::new();
        for tokens in self.read(&[text.into()])? {
            places.extend(self.places(&tokens.ids));
            batch.push(&tokens.ids, &tokens.types);
        }
        let logits = self.model.run_with_async(&batch, &places, control).await;
        let logits = logits.map_err(|error| self.text_model.tokenizer.blamed(error))?;
        if let Some(value) = logits.iter().copied().find(|logit| !logit.is_finite()) {
            return Err(Error::Overflow { index: 0, value });
        }
        let masks = logits.chunks_exact(self.model.vocabulary());
        masks.map(|logits| self.best(logits, top)).collect()
    }

    pub(super) fn best(&self, logits: &[f32], top: usize) -> Result<Vec<Filling>> {
        let mut scores = logits.to_vec();
        ScoreFunction::Softmax.score(&mut scores);
        let mut order: Vec<usize> = (0..scores.len()).collect();
        let top = top.min(order.len());
        let better = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
        if top < order.len() {
            order.select_nth_unstable_by(top, better);
        }
        order.truncate(top);
        order.sort_by(better);
        let filling = |id: usize| {
            let score = scores[id];
            let id = id as u32;
            Ok(Filling {
                token: self.text_model.tokenizer.decode(&[id])?,
                id,
                score,
            })
        };
        order.into_iter().map(filling).collect()
    }
}
