//! Any labels of any number of texts: of each, a sequence per label is read.

use std::sync::Arc;

use super::super::batching::Pack;
use super::super::classify::ranked;
use super::super::embed::Embedding;
use super::super::text_model::{Finite, TextModel};
use super::super::zero_shot::{ZeroShot, ZeroShotOptions, hypotheses};
use super::batch_model::{BatchModel, Reading, embeddings};
use super::classify::Classification;
use super::{Stream, StreamOptions};
use crate::error::{Error, Result};
use crate::text::Text;

impl ZeroShot {
    /// The labels of any number of texts as they come, in bounded memory: as
    /// [`Embedder::stream`](crate::Embedder::stream). Of a pair the first text is classified.
    ///
    /// ```
    /// # use wgformer::tasks::{StreamOptions, ZeroShot, ZeroShotOptions};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/inference");
    /// # let model = ZeroShot::load(&gpu, folder, &Default::default())?;
    /// let texts = ["It rained.", "They won."].map(Ok::<_, wgformer::Error>);
    /// let (labels, options) = (["sport", "weather"], ZeroShotOptions::default());
    /// for classified in model.stream(texts, &labels, &options, &StreamOptions::default())? {
    ///     let (text, classification) = classified?;
    ///     println!("{text}: {}", classification.labels[0].label);
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Input`] if the template has no `{}` or there is no label.
    pub fn stream<T, E, I, L>(
        &self,
        texts: I,
        labels: &[L],
        options: &ZeroShotOptions,
        stream: &StreamOptions,
    ) -> Result<Stream<T, E, Classification>>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
        L: AsRef<str>,
    {
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        let asking = Asking {
            hypotheses: hypotheses(&labels, &options.template)?.into(),
            labels: labels.iter().copied().map(str::to_owned).collect(),
            multi_label: options.multi_label,
            model: self.clone(),
        };
        Ok(Stream::start(&asking, texts.into_iter(), stream))
    }
}

/// A model with what is asked of each text.
#[derive(Clone)]
struct Asking {
    model: ZeroShot,
    labels: Arc<[String]>,
    /// Of each label.
    hypotheses: Arc<[String]>,
    multi_label: bool,
}

impl BatchModel for Asking {
    type Item = Classification;
    type Part = Embedding;
    type Kept = ();

    fn text_model(&self) -> &TextModel {
        &self.model.text_model
    }

    fn most_values(&self, tokens: usize) -> usize {
        self.model.text_model.values_of(tokens)
    }

    /// The text with each hypothesis.
    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<()>>> {
        let pairs = texts.iter().flat_map(|text| {
            let (Text::One(text) | Text::Pair(text, _)) = *text;
            let hypotheses = self.hypotheses.iter();
            hypotheses.map(move |hypothesis| Text::Pair(text, hypothesis))
        });
        let pairs: Vec<Text<'_>> = pairs.collect();
        let mut tokens = self.model.text_model.tokenize(&pairs)?.into_iter();
        let reading = |_| Reading {
            sequences: tokens.by_ref().take(self.hypotheses.len()).collect(),
            kept: (),
        };
        Ok(texts.iter().map(reading).collect())
    }

    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<Embedding>>> {
        embeddings(&self.model.text_model, pack).await
    }

    fn finish(&self, _text: Text<'_>, (): (), parts: Vec<Embedding>) -> Classification {
        let is_cut = parts.iter().any(|part| part.is_cut);
        let logits: Vec<Vec<f32>> = parts.into_iter().map(|part| part.values).collect();
        let scores = self.model.scores(&logits, self.multi_label);
        Classification {
            labels: ranked(&self.labels, &scores),
            is_cut,
        }
    }
}
