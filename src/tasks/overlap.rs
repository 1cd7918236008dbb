//! What windows of a text that overlap say of the same part of it, brought to one.

use std::collections::BTreeMap;

use super::aggregation::Tag;

/// Of entities that overlap the longest, of equally long ones the surest: transformers' `aggregate_overlapping_entities`.
pub(super) fn longest(mut entities: Vec<Tag<'_>>) -> Vec<Tag<'_>> {
    entities.sort_by_key(|entity| entity.start); // stable
    let mut kept: Vec<Tag<'_>> = Vec::new();
    for entity in entities {
        match kept.last_mut() {
            Some(last) if entity.start < last.end => {
                let (length, of_last) = (entity.length(), last.length());
                if length > of_last || (length == of_last && entity.score > last.score) {
                    *last = entity;
                }
            }
            _ => kept.push(entity),
        }
    }
    kept
}

/// The tags of tokens, by their places in the text, as the surest window has them.
#[derive(Default)]
pub(super) struct Surest<'a>(BTreeMap<usize, Tag<'a>>);

impl<'a> Surest<'a> {
    pub(super) fn add(&mut self, place: usize, tag: Tag<'a>) {
        match self.0.get(&place) {
            Some(other) if other.score >= tag.score => {}
            _ => {
                self.0.insert(place, tag);
            }
        }
    }

    /// In the text's order.
    pub(super) fn tags(self) -> Vec<Tag<'a>> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Surest, longest};
    use crate::tasks::aggregation::Tag;

    fn tag(label: &str, start: usize, end: usize, score: f32) -> Tag<'_> {
        Tag {
            label,
            score,
            start,
            end,
            words: None,
        }
    }

    fn labels<'a>(tags: &[Tag<'a>]) -> Vec<&'a str> {
        tags.iter().map(|tag| tag.label).collect()
    }

    #[test]
    fn the_longest_of_overlapping_entities_is_kept_then_the_surest() {
        let found = longest(vec![
            tag("later", 9, 12, 0.9),
            tag("short", 0, 4, 0.9),
            tag("long", 2, 8, 0.1),
            tag("surer", 9, 12, 0.95),
            tag("as sure", 9, 12, 0.95),
            tag("behind", 12, 13, 0.1),
        ]);
        assert_eq!(labels(&found), ["long", "surer", "behind"]);
        assert_eq!(longest(Vec::new()), []);
    }

    #[test]
    fn a_token_has_the_tag_of_the_surest_window() {
        let mut surest = Surest::default();
        // Two of one character, of which each stays.
        surest.add(1, tag("a", 5, 6, 0.5));
        surest.add(2, tag("b", 5, 6, 0.5));
        surest.add(2, tag("other", 5, 6, 0.5));
        surest.add(1, tag("surer", 5, 6, 0.6));
        surest.add(0, tag("first", 0, 1, 0.1));
        assert_eq!(labels(&surest.tags()), ["first", "surer", "b"]);
    }
}
