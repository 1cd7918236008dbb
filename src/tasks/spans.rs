//! The best spans of a window's tokens, as transformers' question answering pipeline chooses them.

use std::ops::Range;

/// Tokens that may be an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) last: usize,
    /// The probability that an answer starts at the first times that it ends at the last.
    pub(super) score: f32,
}

/// What a model says of a window's tokens.
pub(super) struct WindowLogits<'a> {
    /// `[tokens, 2]`: that an answer starts here, that it ends here.
    pub(super) logits: &'a [f32],
    /// The tokens of the context.
    pub(super) context: Range<usize>,
    /// Whether a token is the one that stands for "there is no answer": probabilities are shared out among these and the
    /// context. Where the question has such a token too, typed by hand, the pipeline also looks for answers in the
    /// question, and gives them out as other words of the context: that is left out.
    pub(super) is_null: &'a [bool],
}

impl WindowLogits<'_> {
    /// At most `count` spans of at most `max_tokens` tokens, the best first and of equals the first, and the score that
    /// there is no answer. A span of score 0 is none.
    pub(super) fn best_spans(&self, count: usize, max_tokens: usize) -> (Vec<Span>, f32) {
        let [starts, ends] = [0, 1].map(|column| self.probabilities(column));
        let mut best = Best::new(count);
        for first in self.context.clone() {
            let lasts = (first..self.context.end).zip(&ends[first..]);
            for (last, end) in lasts.take(max_tokens) {
                best.add(Span {
                    first,
                    last,
                    score: starts[first] * end,
                });
            }
        }
        let null = starts.first().zip(ends.first());
        (best.finish(), null.map_or(0.0, |(start, end)| start * end))
    }

    /// The softmax of a column over the tokens that may be an answer; 0 for others.
    fn probabilities(&self, column: usize) -> Vec<f32> {
        let is_allowed = |place: usize| self.context.contains(&place) || self.is_null[place];
        let logit = |place: usize| {
            is_allowed(place).then_some(self.logits.get(2 * place + column).copied()?)
        };
        let logits: Vec<Option<f32>> = (0..self.is_null.len()).map(logit).collect();
        let largest = logits.iter().flatten().copied();
        let largest = largest.fold(f32::NEG_INFINITY, f32::max);
        let exp = |logit: &Option<f32>| logit.map_or(0.0, |logit| (logit - largest).exp());
        let mut values: Vec<f32> = logits.iter().map(exp).collect();
        let sum: f32 = values.iter().sum();
        if sum > 0.0 {
            values.iter_mut().for_each(|value| *value /= sum);
        }
        values
    }
}

/// The best of many spans, without keeping them all: a long context has millions.
struct Best {
    count: usize,
    spans: Vec<Span>,
    /// What a span has to exceed.
    least: f32,
}

impl Best {
    fn new(count: usize) -> Self {
        Self {
            count,
            spans: Vec::new(),
            least: 0.0,
        }
    }

    fn add(&mut self, span: Span) {
        if span.score <= self.least {
            return;
        }
        self.spans.push(span);
        if self.spans.len() >= self.count.saturating_mul(2) {
            self.sort();
            self.least = self.spans.last().map_or(0.0, |span| span.score);
        }
    }

    fn sort(&mut self) {
        self.spans.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
        self.spans.truncate(self.count);
    }

    fn finish(mut self) -> Vec<Span> {
        self.sort();
        self.spans
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, WindowLogits};

    /// Of one null token, one of the question, and a context.
    fn best(starts: &[f32], ends: &[f32], count: usize, max_tokens: usize) -> (Vec<Span>, f32) {
        let pairs = starts.iter().zip(ends);
        let logits: Vec<f32> = pairs.flat_map(|(start, end)| [*start, *end]).collect();
        let mut is_null = vec![false; starts.len()];
        is_null[0] = true;
        let window = WindowLogits {
            logits: &logits,
            context: 2..starts.len(),
            is_null: &is_null,
        };
        window.best_spans(count, max_tokens)
    }

    fn places(spans: &[Span]) -> Vec<(usize, usize)> {
        spans.iter().map(|span| (span.first, span.last)).collect()
    }

    #[test]
    fn spans_are_of_the_context_and_in_order_and_not_too_long() {
        let ln = f32::ln;
        // The question's logits are the largest, and do not count.
        let starts = [ln(1.0), 50.0, ln(4.0), ln(2.0), ln(1.0)];
        let ends = [ln(1.0), 50.0, ln(1.0), ln(2.0), ln(4.0)];
        let (spans, null) = best(&starts, &ends, 99, 99);
        let all = [(2, 4), (2, 3), (3, 4), (2, 2), (3, 3), (4, 4)];
        assert_eq!(
            places(&spans),
            all,
            "equals in the order of their start, then of their end"
        );
        assert!((spans[0].score - 16.0 / 64.0).abs() < 1e-6, "{spans:?}");
        assert!((null - 1.0 / 64.0).abs() < 1e-6, "{null}");
        let (spans, _) = best(&starts, &ends, 99, 2);
        assert_eq!(places(&spans), [(2, 3), (3, 4), (2, 2), (3, 3), (4, 4)]);
        for count in 0..=all.len() {
            let (spans, _) = best(&starts, &ends, count, usize::MAX);
            assert_eq!(places(&spans), all[..count], "{count}");
        }
    }

    #[test]
    fn without_a_context_there_is_no_answer_for_sure() {
        let (spans, null) = best(&[3.0, 9.0], &[-3.0, 9.0], 5, 5);
        assert_eq!((spans, null), (Vec::new(), 1.0));
        let nothing = WindowLogits {
            logits: &[],
            context: 0..0,
            is_null: &[],
        };
        assert_eq!(nothing.best_spans(5, 5), (Vec::new(), 0.0));
        // The token in front stands for nothing, and nothing is allowed.
        let masked = WindowLogits {
            logits: &[1.0, 1.0],
            context: 1..1,
            is_null: &[false],
        };
        assert_eq!(masked.best_spans(5, 5), (Vec::new(), 0.0));
    }

    #[test]
    fn a_score_of_zero_is_no_answer() {
        let (spans, _) = best(&[0.0, 0.0, -200.0, 0.0], &[0.0, 0.0, 0.0, -200.0], 9, 9);
        assert_eq!(spans, []);
    }
}
