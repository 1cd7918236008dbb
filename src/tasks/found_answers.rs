//! The answers that the windows of a context give together.

use std::collections::HashMap;
use std::ops::Range;

use super::answer::{Answer, AnswerOptions};
use super::characters::Characters;
use super::spans::{Span, WindowLogits};
use super::windows::LongText;
use crate::text::TokenOrigin;

/// A window's tokens.
pub(super) struct ReadWindow {
    origins: Vec<TokenOrigin>,
    /// Those of the context.
    context: Range<usize>,
    /// Which stand for "there is no answer": the special token in front, wherever it is.
    is_null: Vec<bool>,
}

impl ReadWindow {
    pub(super) fn new(asked: &LongText, part: &Range<usize>, ids: &[u32]) -> Self {
        let origins = asked.origins(part);
        let front = origins.first().filter(|origin| origin.is_special);
        let null = front.map(|_| ids[0]);
        Self {
            context: asked.place(part),
            is_null: ids.iter().map(|id| Some(*id) == null).collect(),
            origins,
        }
    }

    /// The characters of a span.
    fn characters(&self, span: &Span, align_to_words: bool) -> (usize, usize) {
        let [first, last] = [span.first, span.last].map(|place| self.origins[place]);
        let are_of_words = first.word_id.is_some() && last.word_id.is_some();
        if !(align_to_words && are_of_words) {
            return (first.start, last.end);
        }
        let context = &self.origins[self.context.clone()];
        let start = context.iter().find(|it| it.word_id == first.word_id);
        let end = context.iter().rfind(|it| it.word_id == last.word_id);
        (
            start.map_or(first.start, |it| it.start),
            end.map_or(last.end, |it| it.end),
        )
    }
}

/// The answers to a question so far.
pub(super) struct Found<'a> {
    context: Characters<'a>,
    answers: Vec<Scored>,
    /// Places in `answers` by text, in lower case.
    places: HashMap<String, usize>,
    /// That there is no answer: the least of all windows.
    null: f32,
}

struct Scored {
    text: String,
    score: f64,
    start: usize,
    end: usize,
}

impl<'a> Found<'a> {
    pub(super) fn new(context: &'a str) -> Self {
        Self {
            context: Characters::of(context),
            answers: Vec::new(),
            places: HashMap::new(),
            null: f32::INFINITY,
        }
    }

    /// `logits`: `[tokens, 2]`.
    pub(super) fn add(&mut self, window: &ReadWindow, logits: &[f32], options: &AnswerOptions) {
        let logits = WindowLogits {
            logits,
            context: window.context.clone(),
            is_null: &window.is_null,
        };
        let (spans, null) = logits.best_spans(options.spans(), options.max_answer_len);
        self.null = self.null.min(null);
        for span in &spans {
            let (start, end) = window.characters(span, options.align_to_words);
            let text = self.context.slice(start, end);
            let next = self.answers.len();
            let place = *self.places.entry(text.to_lowercase()).or_insert(next);
            if place == next {
                self.answers.push(Scored {
                    text: text.to_owned(),
                    score: 0.0,
                    start,
                    end,
                });
            }
            self.answers[place].score += f64::from(span.score);
        }
    }

    pub(super) fn best(mut self, options: &AnswerOptions) -> Vec<Answer> {
        if options.handle_impossible_answer {
            self.answers.push(Scored {
                text: String::new(),
                score: f64::from(self.null),
                start: 0,
                end: 0,
            });
        }
        self.answers.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
        let best = self.answers.into_iter().take(options.top_k);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a sum of few probabilities"
        )]
        let answer = best.map(|it| Answer {
            text: it.text,
            score: it.score as f32,
            start: it.start,
            end: it.end,
        });
        answer.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::windows::LongText;
    use super::{AnswerOptions, Found, ReadWindow};
    use crate::text::{Encoding, TokenOrigin, Tokens};

    /// `[CLS]` and the words of a context from `first` on, a token each, but for "unlike", which has two.
    fn window(context: &str, first: usize) -> ReadWindow {
        let origin = |start, end, word_id: Option<u32>| TokenOrigin {
            start,
            end,
            is_special: word_id.is_none(),
            word_id,
            sequence_id: word_id.map(|_| 1),
        };
        let mut origins = vec![origin(0, 0, None)];
        let mut start = 0;
        for (word, number) in context.split(' ').zip(0..) {
            let end = start + word.chars().count();
            let parts = if word == "unlike" {
                vec![start, start + 2, end]
            } else {
                vec![start, end]
            };
            if number as usize >= first {
                let parts = parts.windows(2);
                origins.extend(parts.map(|it| origin(it[0], it[1], Some(number))));
            }
            start = end + 1;
        }
        let mut is_null = vec![false; origins.len()];
        is_null[0] = true;
        ReadWindow {
            context: 1..origins.len(),
            origins,
            is_null,
        }
    }

    fn shown(found: Found<'_>, options: &AnswerOptions) -> Vec<(String, f32, usize, usize)> {
        let answers = found.best(options).into_iter();
        answers
            .map(|it| (it.text, it.score, it.start, it.end))
            .collect()
    }

    /// All tokens alike, the first apart.
    fn flat(window: &ReadWindow, null: f32) -> Vec<f32> {
        let rest = vec![0.0; 2 * window.context.len()];
        [vec![null.ln(); 2], rest].concat()
    }

    #[test]
    fn the_same_text_is_one_answer_wherever_it_is() {
        let context = "Sea 💖 sea";
        let options = AnswerOptions::default().top_k(9).max_answer_len(1);
        let mut found = Found::new(context);
        for first in [0, 1] {
            let window = window(context, first);
            found.add(&window, &flat(&window, 1.0), &options);
        }
        // A start and an end are 1/4 each in the first window, 1/3 in the second.
        let (sixteenth, ninth) = (1.0 / 16.0, 1.0 / 9.0);
        let expected = [
            ("Sea", 2.0 * sixteenth + ninth, 0, 3),
            ("💖", sixteenth + ninth, 4, 5),
        ];
        let found = shown(found, &options);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((text, score, start, end), expected) in found.iter().zip(expected) {
            assert_eq!(
                (&text[..], *start, *end),
                (expected.0, expected.2, expected.3)
            );
            assert!((score - expected.1).abs() < 1e-6, "{text}: {score}");
        }
    }

    #[test]
    fn an_answer_has_whole_words_unless_it_need_not() {
        let context = "it is unlike";
        let window = window(context, 0);
        let mut logits = flat(&window, 1.0);
        logits[2 * 4] = 30.0; // starts within the last word
        logits[2 * 4 + 1] = 30.0;
        for (align, expected) in [(true, ("unlike", 6, 12)), (false, ("like", 8, 12))] {
            let options = AnswerOptions::default().align_to_words(align);
            let mut found = Found::new(context);
            found.add(&window, &logits, &options);
            let found = shown(found, &options);
            let (text, score, start, end) = &found[0];
            assert_eq!((&text[..], *start, *end), expected);
            assert!((score - 1.0).abs() < 1e-6, "{score}");
        }
    }

    #[test]
    fn that_there_is_no_answer_is_as_likely_as_in_the_window_that_doubts_it_most() {
        let context = "a b";
        let options = AnswerOptions::default().handle_impossible_answer(true);
        let mut found = Found::new(context);
        for null in [8.0, 2.0, 4.0] {
            let window = window(context, 0);
            found.add(&window, &flat(&window, null), &options);
        }
        // 2 of 4, squared.
        assert_eq!(found.null, 0.25);
        let options = options.top_k(9);
        assert!(shown(found, &options).contains(&(String::new(), 0.25, 0, 0)));
    }

    /// Also where somebody typed it into the question.
    #[test]
    fn the_token_in_front_stands_for_no_answer_wherever_it_is() {
        let origin = |sequence_id: Option<usize>| TokenOrigin {
            start: 0,
            end: 0,
            is_special: sequence_id.is_none(),
            word_id: None,
            sequence_id,
        };
        let sequences = [None, Some(0), Some(0), None, Some(1), None];
        let nulls = |sequences: [Option<usize>; 6]| {
            let encoding = Encoding {
                tokens: Tokens {
                    ids: vec![2, 5, 2, 3, 6, 3],
                    types: vec![0; 6],
                    is_cut: false,
                    expansion: 0,
                },
                origins: sequences.map(origin).to_vec(),
            };
            let asked = LongText::new(encoding, 1);
            let ids = asked.tokens(&(4..5)).ids;
            ReadWindow::new(&asked, &(4..5), &ids).is_null
        };
        let (yes, no) = (true, false);
        assert_eq!(nulls(sequences), [yes, no, yes, no, no, no]);
        // A tokenizer that puts nothing in front has none.
        let without = [Some(0), Some(0), Some(0), None, Some(1), None];
        assert_eq!(nulls(without), [no; 6]);
    }
}
