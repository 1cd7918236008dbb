//! What could stand at the masks of any number of texts.

use super::super::batching::Pack;
use super::super::fill::{Filler, Filling};
use super::super::text_model::{Finite, TextModel, finite};
use super::batch_model::{BatchModel, Reading, only};
use super::{Stream, StreamOptions};
use crate::error::{Error, Result};
use crate::plan::Control;
use crate::text::Text;

/// What a stream says of a text with masks.
///
/// See [`Filler::stream`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Filled {
    /// Of each mask, in order, the likeliest tokens, the best first.
    pub masks: Vec<Vec<Filling>>,
    /// Whether only a part of the text was read.
    pub is_cut: bool,
}

impl Filler {
    /// For each mask of any number of texts or pairs the `top` likeliest tokens, in bounded memory: as
    /// [`Embedder::stream`](crate::Embedder::stream).
    ///
    /// ```
    /// # use wgformer::tasks::{Filled, Filler, StreamOptions};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/masked-lm");
    /// # let filler = Filler::load(&gpu, folder, &Default::default())?;
    /// let texts = ["the [MASK] sat", "a [MASK] slept"].map(Ok::<_, wgformer::Error>);
    /// for filled in filler.stream(texts, 3, &StreamOptions::default()) {
    ///     let (text, Filled { masks, .. }) = filled?;
    ///     println!("{text}: {}", masks[0][0].token);
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn stream<T, E, I>(
        &self,
        texts: I,
        top: usize,
        options: &StreamOptions,
    ) -> Stream<T, E, Filled>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
    {
        let filling = FillerWithTop {
            filler: self.clone(),
            top,
        };
        Stream::start(&filling, texts.into_iter(), options)
    }
}

#[derive(Clone)]
struct FillerWithTop {
    filler: Filler,
    top: usize,
}

impl BatchModel for FillerWithTop {
    type Item = Filled;
    type Part = Filled;
    type Kept = ();

    fn text_model(&self) -> &TextModel {
        &self.filler.text_model
    }

    /// As if all tokens were masks: for each what it is filled with, an id, a score and a short word.
    fn most_values(&self, tokens: usize) -> usize {
        8 * tokens * self.top.min(self.filler.model.vocabulary())
    }

    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<()>>> {
        Ok(Reading::whole(self.filler.read(texts)?))
    }

    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<Filled>>> {
        let (filler, ids) = (&self.filler, pack.batch.token_ids());
        let places: Vec<usize> = filler.places(ids).collect();
        let mut best = Vec::with_capacity(places.len());
        let each = |logits: &[f32]| {
            best.push(finite(logits).map(|()| filler.best(logits, self.top)));
        };
        let model = &filler.model;
        let run = model.for_each_async(&pack.batch, &places, Control::new(), each);
        run.await
            .map_err(|error| filler.text_model.tokenizer.blamed(error))?;
        let (mut best, mut rest) = (best.into_iter(), ids);
        let texts = pack.lengths.iter().zip(&pack.are_cut);
        let filled = texts.map(|(length, is_cut)| {
            let (own, others) = rest.split_at(*length);
            rest = others;
            let own = best.by_ref().take(filler.places(own).count());
            let masks: Vec<Finite<Result<Vec<Filling>>>> = own.collect();
            let masks = match masks.into_iter().collect::<Finite<Vec<_>>>() {
                Ok(masks) => masks.into_iter().collect::<Result<Vec<_>>>()?,
                Err(value) => return Ok(Err(value)),
            };
            Ok(Ok(Filled {
                masks,
                is_cut: *is_cut,
            }))
        });
        filled.collect()
    }

    fn finish(&self, _text: Text<'_>, (): (), parts: Vec<Filled>) -> Filled {
        only(parts)
    }
}
