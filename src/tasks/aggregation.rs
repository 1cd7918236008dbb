//! How tags of tokens become entities, as transformers' token classification pipeline has it.

use std::ops::Range;

use super::tag_scheme::TagScheme;

/// How tags of tokens become entities; the names are those of transformers' `aggregation_strategy`.
///
/// ```
/// use wgformer::tasks::{Aggregation, TagOptions};
///
/// let options = TagOptions::default().aggregation(Aggregation::First);
/// # let _ = options;
/// ```
///
/// Where a model's labels say too where an entity ends, `E-` and `S-` (BIOES) or `L-` and `U-` (BILOU) beside `B-` of the
/// same name, that is heeded: `S-` and `U-` are an entity each, and nothing goes on with one behind `E-` or `L-`. The
/// pipeline takes these for names of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aggregation {
    /// Each token is for itself, under its label as it is, such as `B-PER`.
    None,
    /// Neighbours with the same label become one entity, which `B-` begins anew; `PER` is left of `B-PER` and `I-PER`.
    #[default]
    Simple,
    /// As simple, but all tokens of a word have the label of its first.
    First,
    /// As simple, but all tokens of a word have the label whose mean score is best.
    Average,
    /// As simple, but all tokens of a word have the label with the best score of all.
    Max,
}

/// What a model says of a token.
pub(super) struct TaggedToken {
    /// A probability per label.
    pub(super) scores: Vec<f32>,
    /// Its characters.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it goes on with the word of the token before.
    pub(super) is_subword: bool,
    /// Which of the text's words it is of, as the tokenizer counts them.
    pub(super) word: Option<usize>,
}

/// A label of some characters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tag<'a> {
    pub(super) label: &'a str,
    pub(super) score: f32,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The words from its first to its last, if the tokenizer says which these are.
    pub(super) words: Option<Range<usize>>,
}

impl Tag<'_> {
    /// In characters.
    pub(super) fn length(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

impl Aggregation {
    /// Whether it asks which tokens make up a word.
    pub(super) fn is_by_word(self) -> bool {
        matches!(self, Self::First | Self::Average | Self::Max)
    }

    /// The entities of a text, in its order.
    pub(super) fn entities<'a>(
        self,
        tokens: &[TaggedToken],
        labels: &'a [String],
        scheme: TagScheme,
    ) -> Vec<Tag<'a>> {
        let words = tokens.chunk_by(|_, next| self.is_by_word() && next.is_subword);
        let tags: Vec<Tag<'_>> = words.map(|word| self.tag(word, labels)).collect();
        if self == Self::None {
            return tags;
        }
        let entities = tags.chunk_by(|tag, next| scheme.continues(tag.label, next.label));
        entities.map(group).collect()
    }

    /// One label for all tokens of a word, or for a single token.
    fn tag<'a>(self, word: &[TaggedToken], labels: &'a [String]) -> Tag<'a> {
        let (label, score) = match self {
            Self::None | Self::Simple | Self::First => best(&word[0].scores),
            Self::Max => {
                let bests: Vec<(usize, f32)> =
                    word.iter().map(|token| best(&token.scores)).collect();
                let scores: Vec<f32> = bests.iter().map(|(_, score)| *score).collect();
                bests[best(&scores).0]
            }
            Self::Average => best(&means(word)),
        };
        Tag {
            label: &labels[label],
            score,
            start: word[0].start,
            end: word[word.len() - 1].end,
            words: words(word[0].word, word[word.len() - 1].word),
        }
    }
}

/// The first of the largest, and its value.
fn best(scores: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, score) in scores.iter().enumerate() {
        if *score > best.1 {
            best = (place, *score);
        }
    }
    best
}

/// Of each label over all tokens.
fn means(word: &[TaggedToken]) -> Vec<f32> {
    let labels = 0..word[0].scores.len();
    labels
        .map(|label| mean(word.iter().map(|token| token.scores[label])))
        .collect()
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f64;
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
    let mean = (values.map(f64::from).sum::<f64>() / count) as f32;
    mean
}

/// From the first to behind the last.
fn words(first: Option<usize>, last: Option<usize>) -> Option<Range<usize>> {
    Some(first?..last? + 1)
}

/// One entity of tags that belong together.
fn group<'a>(tags: &[Tag<'a>]) -> Tag<'a> {
    let label = tags[0].label;
    Tag {
        // Whatever is before the first hyphen, also where it is no place in an entity.
        label: label.split_once('-').map_or(label, |(_, name)| name),
        score: mean(tags.iter().map(|tag| tag.score)),
        start: tags[0].start,
        end: tags[tags.len() - 1].end,
        words: tags[0].words.as_ref().and_then(|first| {
            let last = tags[tags.len() - 1].words.as_ref()?;
            Some(first.start..last.end)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Aggregation, TagScheme, TaggedToken};

    const LABELS: [&str; 6] = ["O", "B-PER", "I-PER", "I-LOC", "X-Y-Z", "Y-Z"];

    /// Tokens of three characters each: their best label, its score, and whether they go on with a word.
    fn entities(aggregation: Aggregation, tokens: &[(usize, f32, bool)]) -> Vec<(String, f32)> {
        let token = |place: usize| {
            let (label, score, is_subword) = tokens[place];
            let mut scores = vec![0.0; LABELS.len()];
            scores[label] = score;
            TaggedToken {
                scores,
                start: 3 * place,
                end: 3 * place + 3,
                is_subword,
                word: Some(place / 2),
            }
        };
        let tokens: Vec<TaggedToken> = (0..tokens.len()).map(token).collect();
        let labels = LABELS.map(str::to_owned);
        let scheme = TagScheme::of(&labels);
        let entities = aggregation.entities(&tokens, &labels, scheme);
        let shown = entities
            .iter()
            .map(|it| (format!("{} {}-{}", it.label, it.start, it.end), it.score));
        shown.collect()
    }

    fn names(found: &[(String, f32)]) -> Vec<&str> {
        found.iter().map(|(name, _)| &name[..]).collect()
    }

    #[test]
    fn neighbours_with_one_label_are_one_entity_that_b_begins_anew() {
        let tokens = [1, 2, 1, 2, 3, 0, 0, 2].map(|label| (label, 0.5, true));
        let found = entities(Aggregation::Simple, &tokens);
        let expected = ["PER 0-6", "PER 6-12", "LOC 12-15", "O 15-21", "PER 21-24"];
        assert_eq!(names(&found), expected);
        let found = entities(Aggregation::None, &tokens[..2]);
        assert_eq!(names(&found), ["B-PER 0-3", "I-PER 3-6"]);
        // What is before another hyphen is cut off too, but does not join.
        let found = entities(Aggregation::Simple, &[(4, 1.0, false), (5, 1.0, false)]);
        assert_eq!(names(&found), ["Y-Z 0-3", "Z 3-6"]);
        for aggregation in [Aggregation::None, Aggregation::Simple, Aggregation::Max] {
            assert_eq!(entities(aggregation, &[]), []);
        }
    }

    #[test]
    fn a_word_has_the_label_of_its_first_its_best_or_its_mean() {
        let tokens = [
            (1, 0.4, true), // the first token begins a word, whatever it is
            (3, 0.5, true),
            (3, 0.1, true),
            (2, 0.9, false),
        ];
        let found = entities(Aggregation::First, &tokens);
        assert_eq!(names(&found), ["PER 0-12"]);
        assert!((found[0].1 - 0.65).abs() < 1e-6, "{found:?}");
        let found = entities(Aggregation::Max, &tokens);
        assert_eq!(
            found,
            [("LOC 0-9".to_owned(), 0.5), ("PER 9-12".to_owned(), 0.9)]
        );
        let found = entities(Aggregation::Average, &tokens);
        assert_eq!(names(&found), ["LOC 0-9", "PER 9-12"]);
        assert!((found[0].1 - 0.2).abs() < 1e-6, "{found:?}");
    }
}
