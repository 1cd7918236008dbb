use crate::tensor::Sizes;

/// Sequences packed one after another, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    ids: Vec<u32>,
    positions: Vec<u32>,
    types: Vec<u32>,
    segment_offsets: Vec<u32>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            ids: vec![],
            positions: vec![],
            types: vec![],
            segment_offsets: vec![0],
        }
    }
}

impl Batch {
    /// A batch without sequences.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sequence.
    ///
    /// `ids`: its tokens, special tokens included; `types`: as many token types.
    ///
    /// # Panics
    /// If there are not as many types as ids, or the batch would exceed 2^32 tokens.
    pub fn push(&mut self, ids: &[u32], types: &[u32]) {
        assert_eq!(ids.len(), types.len(), "a type per token");
        self.ids.extend_from_slice(ids);
        self.types.extend_from_slice(types);
        self.positions.extend((0..).take(ids.len()));
        self.segment_offsets
            .push(u32::try_from(self.ids.len()).expect("a batch has less than 2^32 tokens"));
    }

    /// Its counts.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes::from_segments(&self.segment_offsets)
    }

    /// An input of a model's graph, by name.
    pub(super) fn input(&self, name: &str) -> Option<&[u32]> {
        match name {
            "ids" => Some(&self.ids),
            "positions" => Some(&self.positions),
            "types" => Some(&self.types),
            "segment_offsets" => Some(&self.segment_offsets),
            _ => None,
        }
    }
}
