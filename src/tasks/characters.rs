/// A text by its characters: offsets of tokens count them, slices of a text count bytes.
pub(super) struct Characters<'a> {
    text: &'a str,
    /// Where each character starts, in bytes, and at last the end.
    bytes: Vec<usize>,
}

impl<'a> Characters<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let starts = text.char_indices().map(|(byte, _)| byte);
        Self {
            text,
            bytes: starts.chain([text.len()]).collect(),
        }
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        self.bytes.len() - 1
    }

    /// From the character `start` up to `end`; what is outside of the text is left out.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        let byte = |character: usize| self.bytes.get(character).copied();
        let end = byte(end).unwrap_or(self.text.len());
        byte(start).map_or("", |start| self.text.get(start..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Characters;

    #[test]
    fn a_slice_counts_characters_and_ends_with_the_text() {
        let text = Characters::of("a李💖e\u{301}");
        assert_eq!(text.count(), 5);
        assert_eq!(text.slice(1, 3), "李💖");
        assert_eq!(text.slice(2, 9), "💖e\u{301}");
        assert_eq!(text.slice(2, 2), "");
        assert_eq!(text.slice(3, 1), "");
        assert_eq!(text.slice(5, 6), "");
        assert_eq!(text.slice(6, 9), "");
        assert_eq!(Characters::of("").slice(0, 0), "");
    }
}
