//! What each task does with a text that is longer than its model takes: says so, refuses it, or splits it.

use super::passages::{Beside, Passage, passages};
use super::{
    Classifier, Embedder, Filler, LateInteraction, Reranker, Side, SparseEmbedder, Tagger,
};
use super::{ZeroShot, ZeroShotOptions};
use crate::error::Result;
use crate::text::Text;

impl Embedder {
    /// A text in parts that the model takes whole, prompt included, each of which shares about `overlap` tokens with the
    /// next: whole words, where a word is not longer than all that the model takes.
    ///
    /// ```
    /// # let embedder = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
    /// let text = "a long story ".repeat(50);
    /// let passages: Vec<wgformer::tasks::Passage> = embedder.passages(&text, 2)?;
    /// for passage in &passages {
    ///     println!("{} to {}: {:?}", passage.start, passage.end, embedder.embed(&[passage.text])?);
    /// }
    /// assert_eq!(embedder.passages("a cat", 2)?.len(), 1);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer); [`Error::Input`](crate::Error::Input) if `overlap` leaves no room for
    /// more, [`Error::Limit`](crate::Error::Limit) if the prompt leaves none at all.
    pub fn passages<'a>(&self, text: &'a str, overlap: usize) -> Result<Vec<Passage<'a>>> {
        passages(&self.text_model, Beside::Nothing, text, overlap)
    }
}

impl SparseEmbedder {
    /// As [`Embedder::passages`].
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::SparseEmbedder};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/retrieval/splade");
    /// let embedder = SparseEmbedder::load(&gpu, folder, &ModelOptions::default())?;
    /// let text = "The cat sat. ".repeat(50);
    /// for passage in embedder.passages(&text, 2)? {
    ///     assert!(!embedder.embed(&[passage.text])?[0].is_cut);
    /// }
    /// let error = embedder.refuse_long_texts(true).embed(&[text]).unwrap_err();
    /// assert!(matches!(error, wgformer::Error::TooLong { index: 0, .. }));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::passages`].
    pub fn passages<'a>(&self, text: &'a str, overlap: usize) -> Result<Vec<Passage<'a>>> {
        passages(self.text_model(), Beside::Nothing, text, overlap)
    }

    /// The same model; whether a text that is longer than it takes is [`Error::TooLong`](crate::Error::TooLong), as
    /// [`EmbedderOptions::refuse_long_texts`](super::EmbedderOptions::refuse_long_texts).
    #[must_use]
    pub fn refuse_long_texts(self, refuse: bool) -> Self {
        self.each_text_model(|it| it.refusing_long_texts(refuse))
    }
}

impl LateInteraction {
    /// As [`Embedder::passages`], of what takes fewer tokens than the model: a document as long as its files say.
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::{LateInteraction, Side}};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/retrieval/colbert");
    /// let model = LateInteraction::load(&gpu, folder, &ModelOptions::default())?;
    /// let text = "The cat sat. ".repeat(50);
    /// for passage in model.passages(Side::Document, &text, 2)? {
    ///     assert_eq!(model.are_cut(Side::Document, &[passage.text])?, [false]);
    /// }
    /// assert_eq!(model.are_cut(Side::Document, &[&text])?, [true]);
    /// let error = model.refuse_long_texts(true).rank("a cat", &["short", &text]).unwrap_err();
    /// assert!(matches!(error, wgformer::Error::TooLong { index: 1, .. }));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::passages`].
    pub fn passages<'a>(
        &self,
        side: Side,
        text: &'a str,
        overlap: usize,
    ) -> Result<Vec<Passage<'a>>> {
        passages(self.side(side), Beside::Nothing, text, overlap)
    }

    /// Of which texts only the beginning is read, in order.
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer).
    pub fn are_cut<S: AsRef<str>>(&self, side: Side, texts: &[S]) -> Result<Vec<bool>> {
        self.side(side).are_cut(&singles(texts))
    }

    /// As [`SparseEmbedder::refuse_long_texts`], of documents and of queries.
    #[must_use]
    pub fn refuse_long_texts(mut self, refuse: bool) -> Self {
        self.queries = self.queries.refusing_long_texts(refuse);
        self.documents = self.documents.refusing_long_texts(refuse);
        self
    }
}

impl Classifier {
    /// As [`Embedder::passages`].
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::Classifier};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/sentiment");
    /// let classifier = Classifier::load(&gpu, folder, &ModelOptions::default())?;
    /// let text = "The film began well. ".repeat(50);
    /// for passage in classifier.passages(&text, 2)? {
    ///     assert_eq!(classifier.are_cut([passage.text])?, [false]);
    /// }
    /// assert_eq!(classifier.are_cut([&text])?, [true]);
    /// let error = classifier.refuse_long_texts(true).classify(["short", &text]).unwrap_err();
    /// assert!(matches!(error, wgformer::Error::TooLong { index: 1, .. }));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::passages`].
    pub fn passages<'a>(&self, text: &'a str, overlap: usize) -> Result<Vec<Passage<'a>>> {
        passages(&self.text_model, Beside::Nothing, text, overlap)
    }

    /// Of which texts, or pairs, only a part is read, in order.
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer).
    pub fn are_cut<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<bool>> {
        let texts = Text::all_without_empty_second(texts);
        self.text_model.are_cut(&texts)
    }

    /// As [`SparseEmbedder::refuse_long_texts`].
    #[must_use]
    pub fn refuse_long_texts(mut self, refuse: bool) -> Self {
        self.text_model = self.text_model.refusing_long_texts(refuse);
        self
    }
}

impl ZeroShot {
    /// As [`Embedder::passages`], each with room for any of the labels in its sentence.
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::{ZeroShot, ZeroShotOptions}};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/inference");
    /// let model = ZeroShot::load(&gpu, folder, &ModelOptions::default())?;
    /// let (labels, options) = (["sport", "weather"], ZeroShotOptions::default());
    /// let text = "It rained. ".repeat(50);
    /// for passage in model.passages(&text, &labels, &options, 2)? {
    ///     assert_eq!(model.are_cut(&[passage.text], &labels, &options)?, [false]);
    /// }
    /// assert_eq!(model.are_cut(&[&text], &labels, &options)?, [true]);
    /// let error = model.refuse_long_texts(true).classify(&["short", &text], &labels, &options);
    /// assert!(matches!(error, Err(wgformer::Error::TooLong { index: 1, .. })));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::passages`] and [`ZeroShot::classify`].
    pub fn passages<'a, L: AsRef<str>>(
        &self,
        text: &'a str,
        labels: &[L],
        options: &ZeroShotOptions,
        overlap: usize,
    ) -> Result<Vec<Passage<'a>>> {
        let longest = self.longest_hypothesis(labels, options)?;
        passages(&self.text_model, Beside::Second(&longest), text, overlap)
    }

    /// Of which texts only the beginning is read, with the label that takes most room, in order.
    ///
    /// # Errors
    /// As [`ZeroShot::classify`].
    pub fn are_cut<T: AsRef<str>, L: AsRef<str>>(
        &self,
        texts: &[T],
        labels: &[L],
        options: &ZeroShotOptions,
    ) -> Result<Vec<bool>> {
        let longest = self.longest_hypothesis(labels, options)?;
        let pair = |text| Text::Pair(AsRef::as_ref(text), &longest);
        let pairs: Vec<Text<'_>> = texts.iter().map(pair).collect();
        self.text_model.are_cut(&pairs)
    }

    /// As [`SparseEmbedder::refuse_long_texts`].
    #[must_use]
    pub fn refuse_long_texts(mut self, refuse: bool) -> Self {
        self.text_model = self.text_model.refusing_long_texts(refuse);
        self
    }
}

impl Reranker {
    /// As [`Embedder::passages`], each with room for the query.
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::Reranker};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/cross-encoder");
    /// let reranker = Reranker::load(&gpu, folder, &ModelOptions::default())?;
    /// let (query, text) = ("a cat", "The cat sat. ".repeat(50));
    /// let passages = reranker.passages(query, &text, 2)?;
    /// let texts: Vec<&str> = passages.iter().map(|passage| passage.text).collect();
    /// let best = &passages[reranker.rank(query, &texts)?[0].index];
    /// println!("characters {} to {}", best.start, best.end);
    ///
    /// assert_eq!(reranker.are_cut(query, &["short", &text])?, [false, true]);
    /// let error = reranker.refuse_long_texts(true).rank(query, &["short", &text]).unwrap_err();
    /// assert!(matches!(error, wgformer::Error::TooLong { index: 1, .. }));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Embedder::passages`].
    pub fn passages<'a>(
        &self,
        query: &str,
        text: &'a str,
        overlap: usize,
    ) -> Result<Vec<Passage<'a>>> {
        passages(&self.text_model, Beside::First(query), text, overlap)
    }

    /// Of which texts with the query only a part is read, in order.
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer).
    pub fn are_cut<S: AsRef<str>>(&self, query: &str, texts: &[S]) -> Result<Vec<bool>> {
        let pair = |text| Text::Pair(query, AsRef::as_ref(text));
        let pairs: Vec<Text<'_>> = texts.iter().map(pair).collect();
        self.text_model.are_cut(&pairs)
    }

    /// As [`SparseEmbedder::refuse_long_texts`].
    #[must_use]
    pub fn refuse_long_texts(mut self, refuse: bool) -> Self {
        self.text_model = self.text_model.refusing_long_texts(refuse);
        self
    }
}

impl Tagger {
    /// Of which texts, or pairs, only a part is read, without [`TagOptions::stride`](super::TagOptions::stride), in order.
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::{TagOptions, Tagger}};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-tags");
    /// let tagger = Tagger::load(&gpu, folder, &ModelOptions::default())?;
    /// let text = "Ada met Charles. ".repeat(50);
    /// assert_eq!(tagger.are_cut(&["short", &text])?, [false, true]);
    /// let tagger = tagger.refuse_long_texts(true);
    /// let error = tagger.tag(&["short", &text], &TagOptions::default()).unwrap_err();
    /// assert!(matches!(error, wgformer::Error::TooLong { index: 1, .. }));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer).
    pub fn are_cut<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<bool>> {
        let texts = Text::all_without_empty_second(texts);
        let tokens = self.text_model.tokenizer.encode(texts)?;
        Ok(tokens.iter().map(|tokens| tokens.is_cut).collect())
    }

    /// As [`SparseEmbedder::refuse_long_texts`], also where [`TagOptions::stride`](super::TagOptions::stride) would read on.
    #[must_use]
    pub fn refuse_long_texts(mut self, refuse: bool) -> Self {
        self.text_model = self.text_model.refusing_long_texts(refuse);
        self
    }
}

impl Filler {
    /// Whether of the text or the pair only a part is read: what is cut off has no part in what its masks are filled with.
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer).
    pub fn is_cut<'a>(&self, text: impl Into<Text<'a>>) -> Result<bool> {
        let text = Text::without_empty_second(text.into());
        let own = self.with_own_masks(text);
        let tokens = self.text_model.tokenizer.encode([text.with(&own)])?;
        Ok(tokens.iter().any(|tokens| tokens.is_cut))
    }

    /// The same model; whether a text that is longer than it takes is [`Error::TooLong`](crate::Error::TooLong), as
    /// [`EmbedderOptions::refuse_long_texts`](super::EmbedderOptions::refuse_long_texts).
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::Filler};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tasks/masked-lm");
    /// let filler = Filler::load(&gpu, folder, &ModelOptions::default())?.refuse_long_texts(true);
    /// let error = filler.fill(&"the [MASK] sat ".repeat(50), 3).unwrap_err();
    /// assert!(matches!(error, wgformer::Error::TooLong { index: 0, .. }));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn refuse_long_texts(mut self, refuse: bool) -> Self {
        self.text_model = self.text_model.refusing_long_texts(refuse);
        self
    }
}

fn singles<S: AsRef<str>>(texts: &[S]) -> Vec<Text<'_>> {
    texts.iter().map(Text::from).collect()
}
