//! Labels of any number of texts.

use super::super::batching::Pack;
use super::super::classify::{Classifier, Label, ranked};
use super::super::embed::Embedding;
use super::super::text_model::{Finite, TextModel};
use super::batch_model::{BatchModel, Reading, embeddings, only};
use super::{Stream, StreamOptions};
use crate::error::{Error, Result};
use crate::text::Text;

/// What a stream says of a text: [`Classifier::stream`], [`ZeroShot::stream`](crate::tasks::ZeroShot::stream).
///
/// See [`Classifier::stream`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Classification {
    /// Every label, the best first.
    pub labels: Vec<Label>,
    /// Whether only a part of the text was read.
    pub is_cut: bool,
}

impl Classifier {
    /// The labels of any number of texts or pairs as they come, in bounded memory: as
    /// [`Embedder::stream`](crate::Embedder::stream).
    ///
    /// ```
    /// # use wgformer::tasks::{Classification, Classifier, StreamOptions};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/sentiment");
    /// # let classifier = Classifier::load(&gpu, folder, &Default::default())?;
    /// let texts = ["What a film!", "I want my money back."].map(Ok::<_, wgformer::Error>);
    /// for classified in classifier.stream(texts, &StreamOptions::default()) {
    ///     let (text, Classification { labels, is_cut, .. }) = classified?;
    ///     println!("{text}: {}{}", labels[0].label, if is_cut { " (cut)" } else { "" });
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn stream<T, E, I>(&self, texts: I, options: &StreamOptions) -> Stream<T, E, Classification>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
    {
        Stream::start(self, texts.into_iter(), options)
    }
}

impl BatchModel for Classifier {
    type Item = Classification;
    type Part = Embedding;
    type Kept = ();

    fn text_model(&self) -> &TextModel {
        &self.text_model
    }

    fn most_values(&self, tokens: usize) -> usize {
        self.text_model.values_of(tokens)
    }

    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<()>>> {
        let texts = Text::all_without_empty_second(texts.iter().copied());
        Ok(Reading::whole(self.text_model.tokenize(&texts)?))
    }

    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<Embedding>>> {
        embeddings(&self.text_model, pack).await
    }

    fn finish(&self, _text: Text<'_>, (): (), parts: Vec<Embedding>) -> Classification {
        let logits = only(parts);
        let mut scores = logits.values;
        self.score_function.score(&mut scores);
        Classification {
            labels: ranked(self.labels(), &scores),
            is_cut: logits.is_cut,
        }
    }
}
