//! Answers in any number of contexts: of a long one, several windows are read.

use super::super::answer::{Answer, AnswerOptions, Answerer};
use super::super::batching::Pack;
use super::super::found_answers::{Found, ReadWindow};
use super::super::text_model::{Finite, TextModel};
use super::super::windows::{LongText, Window};
use super::batch_model::{BatchModel, Reading, finite_rows};
use super::{Stream, StreamOptions};
use crate::error::{Error, Result};
use crate::text::Text;

impl Answerer {
    /// The answers to any number of questions with their contexts as they come, in bounded memory: as
    /// [`Embedder::stream`](crate::Embedder::stream), of pairs. In a single text, a question alone, there is no answer.
    ///
    /// ```
    /// # use wgformer::tasks::{AnswerOptions, Answerer, StreamOptions};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-answers");
    /// # let answerer = Answerer::load(&gpu, folder, &Default::default())?;
    /// use wgformer::text::Text;
    ///
    /// let asked = ["Ada met Charles.", "The cat sat."].map(|context| Text::Pair("Who?", context));
    /// let asked = asked.map(Ok::<_, wgformer::Error>);
    /// let options = AnswerOptions::default();
    /// for answered in answerer.stream(asked, &options, &StreamOptions::default()) {
    ///     let (asked, answers) = answered?;
    ///     println!("{asked:?}: {:?}", answers.first());
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn stream<T, E, I>(
        &self,
        questions: I,
        options: &AnswerOptions,
        stream: &StreamOptions,
    ) -> Stream<T, E, Vec<Answer>>
    where
        T: Send + 'static,
        for<'a> &'a T: Into<Text<'a>>,
        E: From<Error> + Send + 'static,
        I: IntoIterator<Item = Result<T, E>>,
        I::IntoIter: Send + 'static,
    {
        let asking = Asking {
            answerer: self.clone(),
            options: options.clone(),
        };
        Stream::start(&asking, questions.into_iter(), stream)
    }
}

#[derive(Clone)]
struct Asking {
    answerer: Answerer,
    options: AnswerOptions,
}

impl BatchModel for Asking {
    type Item = Vec<Answer>;
    /// `[tokens, 2]`
    type Part = Vec<f32>;
    /// A question with its context, and which of its tokens each sequence has.
    type Kept = (LongText, Vec<Window>);

    fn text_model(&self) -> &TextModel {
        &self.answerer.text_model
    }

    fn most_values(&self, tokens: usize) -> usize {
        self.answerer.text_model.values_of(tokens)
    }

    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<Self::Kept>>> {
        let tokenizer = &self.answerer.text_model.tokenizer;
        let encodings = tokenizer.encode_more_than(usize::MAX, texts.iter().copied())?;
        let reading = |encoding| {
            let asked = LongText::new(encoding, 1);
            let (options, model) = (&self.options, self.answerer.model());
            let windows = options.windows_of(0, "the question", &asked, model)?;
            Ok(Reading {
                sequences: windows.iter().map(|it| asked.tokens(&it.part)).collect(),
                kept: (asked, windows),
            })
        };
        encodings.into_iter().map(reading).collect()
    }

    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<Vec<f32>>>> {
        finite_rows(&self.answerer.text_model, pack).await
    }

    fn finish(
        &self,
        text: Text<'_>,
        (asked, windows): Self::Kept,
        parts: Vec<Vec<f32>>,
    ) -> Vec<Answer> {
        let context = match text {
            Text::Pair(_, context) => context,
            Text::One(_) => "",
        };
        let mut found = Found::new(context);
        for (window, logits) in windows.iter().zip(parts) {
            let tokens = asked.tokens(&window.part);
            let read = ReadWindow::new(&asked, &window.part, &tokens.ids);
            found.add(&read, &logits, &self.options);
        }
        found.best(&self.options)
    }
}
