//! Entities of any number of texts: of a long one, several windows may be read.

use super::super::batching::Pack;
use super::super::tag::{Entity, Found, Reader, TagOptions, Tagger};
use super::super::text_model::{Finite, TextModel};
use super::super::windows::{LongText, Window};
use super::batch_model::{BatchModel, Reading, finite_rows};
use super::{Stream, StreamOptions};
use crate::error::{Error, Result};
use crate::text::Text;

/// What a stream finds in a text.
///
/// See [`Tagger::stream`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tagging {
    /// In the text's order.
    pub entities: Vec<Entity>,
    /// Whether only a part of the text was read.
    pub is_cut: bool,
}

impl Tagger {
    /// The entities of any number of texts or pairs as they come, in bounded memory: as
    /// [`Embedder::stream`](crate::Embedder::stream).
    ///
    /// ```
    /// # use wgformer::tasks::{StreamOptions, TagOptions, Tagger, Tagging};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-tags");
    /// # let tagger = Tagger::load(&gpu, folder, &Default::default())?;
    /// let texts = ["Ada met Charles.", "The cat sat."].map(Ok::<_, wgformer::Error>);
    /// let options = TagOptions::default().stride(16);
    /// for tagged in tagger.stream(texts, &options, &StreamOptions::default()) {
    ///     let (text, Tagging { entities, .. }) = tagged?;
    ///     println!("{text}: {} entities", entities.len());
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn stream<T, E, I>(
        &self,
        texts: I,
        options: &TagOptions,
        stream: &StreamOptions,
    ) -> Stream<T, E, Tagging>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
    {
        let reading = TaggerWithOptions {
            tagger: self.clone(),
            options: options.clone(),
        };
        Stream::start(&reading, texts.into_iter(), stream)
    }
}

#[derive(Clone)]
struct TaggerWithOptions {
    tagger: Tagger,
    options: TagOptions,
}

/// A text's tokens, and which of them each sequence has.
struct Kept {
    text: LongText,
    windows: Vec<Window>,
    is_cut: bool,
}

impl BatchModel for TaggerWithOptions {
    type Item = Tagging;
    /// `[tokens, labels]`
    type Part = Vec<f32>;
    type Kept = Kept;

    fn text_model(&self) -> &TextModel {
        &self.tagger.text_model
    }

    fn most_values(&self, tokens: usize) -> usize {
        self.tagger.text_model.values_of(tokens)
    }

    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<Kept>>> {
        let (tagger, options) = (&self.tagger, &self.options);
        let texts = Text::all_without_empty_second(texts.iter().copied());
        let encodings = tagger.encode(&texts, options)?;
        let reading = |encoding| {
            let text = LongText::new(encoding, 0);
            let (windows, _) = tagger.windows_of(0, &text, options.stride)?;
            Ok(Reading {
                sequences: windows.iter().map(|it| text.tokens(&it.part)).collect(),
                kept: Kept {
                    is_cut: text.is_cut(),
                    text,
                    windows,
                },
            })
        };
        encodings.into_iter().map(reading).collect()
    }

    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<Vec<f32>>>> {
        finite_rows(&self.tagger.text_model, pack).await
    }

    fn finish(&self, text: Text<'_>, kept: Kept, parts: Vec<Vec<f32>>) -> Tagging {
        let reader = Reader::new(&self.tagger, self.options.aggregation);
        let mut found = Found::new(text.without_empty_second());
        for (window, logits) in kept.windows.iter().zip(parts) {
            let tokens = kept.text.tokens(&window.part);
            reader.read(&mut found, &kept.text, window, &tokens.ids, logits);
        }
        Tagging {
            entities: found.entities(&self.options.ignore_labels),
            is_cut: kept.is_cut,
        }
    }
}
