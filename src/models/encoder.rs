use std::borrow::Cow;

use super::Batch;
use super::blocks::LayerSizes;
use crate::graph::TensorId;

/// What a family builds: the hidden states, and what a batch must keep to.
///
/// See [`Family`](super::Family).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Encoder {
    /// The last layer's hidden states: `[tokens, hidden]`.
    pub hidden_states: TensorId,
    /// The input that says where each sequence starts: `[sequences + 1]`.
    pub segment_offsets: TensorId,
    /// The columns of the hidden states.
    pub hidden: usize,
    /// The longest sequence, in tokens, special tokens included.
    pub max_tokens: usize,
    /// Of its norms, for those of heads.
    pub(super) eps: f32,
    /// The rows of the table of words, and its columns.
    pub(super) vocabulary: usize,
    pub(super) embedding_columns: usize,
    /// How positions are counted.
    pub(super) positions: Positions,
    /// Whether it looks at token types.
    pub(super) reads_types: bool,
}

/// How the positions of a sequence are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Positions {
    /// 0, 1, 2, …
    FromZero,
    /// From one after the padding token's id, padding tokens themselves having that id, as fairseq does it.
    After(u32),
}

impl Encoder {
    /// Positions are counted from zero, and types are read.
    pub(super) fn new(
        hidden_states: TensorId,
        segment_offsets: TensorId,
        sizes: &LayerSizes,
        vocabulary: usize,
        max_tokens: usize,
    ) -> Self {
        Self {
            hidden_states,
            segment_offsets,
            hidden: sizes.hidden,
            max_tokens,
            eps: sizes.eps,
            vocabulary,
            embedding_columns: sizes.hidden,
            positions: Positions::FromZero,
            reads_types: true,
        }
    }

    /// A batch with the positions and the types that this encoder reads.
    ///
    /// ```
    /// use wgformer::models::{Batch, Head, Network};
    ///
    /// # let folder = std::path::Path::new("tests/data/tiny/roberta");
    /// let network = Network::open(folder, Head::HiddenStates)?;
    /// let mut batch = Batch::new();
    /// batch.push(&[0, 7, 2], &[0, 0, 0]);
    /// let adapted = network.encoder.adapt(&batch); // RoBERTa counts positions from 2 on
    /// assert_ne!(*adapted, batch);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn adapt<'a>(&self, batch: &'a Batch) -> Cow<'a, Batch> {
        if self.positions == Positions::FromZero && self.reads_types {
            return Cow::Borrowed(batch);
        }
        let mut batch = batch.clone();
        if let Positions::After(padding) = self.positions {
            batch.count_positions_after(padding);
        }
        if !self.reads_types {
            batch.forget_types();
        }
        Cow::Owned(batch)
    }
}
