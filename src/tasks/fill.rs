use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Batch, MaskedLm, ModelOptions, ScoreFunction, SentenceTransformer};
use crate::text::Tokenizer;

/// Says what could stand where a text has the mask token. Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::Filler;
///
/// # let folder = "tests/data/tasks/masked-lm";
/// let gpu = wgformer::Gpu::new()?;
/// let filler = Filler::load(&gpu, folder, &ModelOptions::default())?;
/// let masks = filler.fill("Paris is the [MASK] of France.", 5)?;
/// for filling in &masks[0] {
///     println!("{:.3} {}", filling.score, filling.token);
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filler {
    model: MaskedLm,
    tokenizer: Arc<Tokenizer>,
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
    token: String,
    id: u32,
}

/// What mask tokens are called; whichever the text has, the model's own is meant.
const MASKS: [&str; 2] = ["[MASK]", "<mask>"];

impl Filler {
    /// Loads a checkpoint with a head that predicts tokens, and whose vocabulary has a mask token.
    ///
    /// # Errors
    /// As [`MaskedLm::load`], and [`Error::Tokenizer`] if there is no mask token.
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
        let model = MaskedLm::load(gpu, &own.transformer, max_tokens, options)?;
        let path = own.transformer.join("tokenizer.json");
        let tokenizer = Tokenizer::load(&path, model.encoder().max_tokens())?;
        let mask = MASKS.iter().find_map(|token| {
            let token = (*token).to_owned();
            let id = tokenizer.id_of(&token)?;
            Some(Mask { token, id })
        });
        let mask = mask.ok_or_else(|| Error::Tokenizer {
            path,
            message: format!("has no mask token, {}", MASKS.join(" or ")),
        })?;
        Ok(Self {
            model,
            tokenizer: Arc::new(tokenizer),
            mask,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &MaskedLm {
        &self.model
    }

    /// For each mask of the text, in order, the `top` likeliest tokens, the best first.
    ///
    /// # Errors
    /// [`Error::Input`] if the text has no mask, or one that was cut off with the end of a long text;
    /// [`Error::Tokenizer`]; as [`MaskedLm::run`] for the device.
    pub fn fill(&self, text: &str, top: usize) -> Result<Vec<Vec<Filling>>> {
        pollster::block_on(self.fill_async(text, top))
    }

    /// [`Filler::fill`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Filler::fill`].
    pub async fn fill_async(&self, text: &str, top: usize) -> Result<Vec<Vec<Filling>>> {
        let own = |text: String, mask: &&str| text.replace(mask, &self.mask.token);
        let text = MASKS.iter().fold(text.to_owned(), own);
        let mut batch = Batch::new();
        let mut places = Vec::new();
        for tokens in self.tokenizer.encode([&text])? {
            let ids = tokens.ids.iter().enumerate();
            places.extend(ids.filter(|(_, id)| **id == self.mask.id).map(|(at, _)| at));
            batch.push(&tokens.ids, &tokens.types);
        }
        let wanted = text.matches(&self.mask.token).count();
        if places.is_empty() || places.len() < wanted {
            let (name, token) = ("text".to_owned(), &self.mask.token);
            let message = match wanted {
                0 => format!("has no {token}"),
                _ => format!(
                    "has {wanted} {token}, of which {} are within the first {} tokens: shorten it",
                    places.len(),
                    self.model.encoder().max_tokens()
                ),
            };
            return Err(Error::Input { name, message });
        }
        let logits = self.model.run_async(&batch, &places).await?;
        let masks = logits.chunks_exact(self.model.vocabulary());
        masks.map(|logits| self.best(logits, top)).collect()
    }

    fn best(&self, logits: &[f32], top: usize) -> Result<Vec<Filling>> {
        let mut scores = logits.to_vec();
        ScoreFunction::Softmax.apply(&mut scores);
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
                token: self.tokenizer.decode(&[id])?,
                id,
                score,
            })
        };
        order.into_iter().map(filling).collect()
    }
}
