use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::plan::Value;
use crate::tensor::Sizes;

/// Sequences packed one after another, without padding.
///
/// ```
/// let mut batch = wgformer::models::Batch::new();
/// batch.push(&[101, 7592, 102], &[0, 0, 0]);
/// batch.push(&[101, 102], &[0, 0]);
/// assert_eq!((batch.sizes().tokens, batch.sizes().sequences), (5, 2));
/// ```
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
    /// If there are not as many types as ids, or the batch would exceed 2^32 tokens; the batch stays as it was.
    pub fn push(&mut self, ids: &[u32], types: &[u32]) {
        let end = self.checked_end(ids, types);
        self.append(ids, types, end);
    }

    /// Adds a sequence whose last `expansion` tokens expand it: they attend to those before them, and nothing attends to
    /// them. It takes the places of two sequences; of a network with [`Head::ProjectedTokens`](super::Head) that is
    /// expanded, every one is added so.
    ///
    /// ```
    /// let mut batch = wgformer::models::Batch::new();
    /// batch.push_expanded(&[101, 7592, 102, 103, 103], &[0; 5], 2); // with two mask tokens
    /// batch.push_expanded(&[101, 102], &[0, 0], 0);
    /// assert_eq!((batch.sizes().tokens, batch.sizes().sequences), (7, 4));
    /// ```
    ///
    /// # Panics
    /// As [`Batch::push`], and if there are fewer tokens than that.
    pub fn push_expanded(&mut self, ids: &[u32], types: &[u32], expansion: usize) {
        let end = self.checked_end(ids, types);
        assert!(
            expansion <= ids.len(),
            "{expansion} tokens expand a sequence of {}",
            ids.len()
        );
        self.segment_offsets.push(end - expansion as u32);
        self.append(ids, types, end);
    }

    /// Where the batch would end with a sequence more. Whatever panics does so here, before anything is changed.
    fn checked_end(&self, ids: &[u32], types: &[u32]) -> u32 {
        assert_eq!(ids.len(), types.len(), "a type per token");
        let end = self.ids.len() + ids.len();
        u32::try_from(end).expect("a batch has less than 2^32 tokens")
    }

    fn append(&mut self, ids: &[u32], types: &[u32], end: u32) {
        self.ids.extend_from_slice(ids);
        self.types.extend_from_slice(types);
        self.positions.extend((0..).take(ids.len()));
        self.segment_offsets.push(end);
    }

    /// The tokens of all sequences, one after another.
    #[cfg(feature = "text")] // which tasks need
    pub(crate) fn token_ids(&self) -> &[u32] {
        &self.ids
    }

    /// Positions as fairseq counts them: from one after the padding token's id, padding tokens themselves having that id.
    pub(super) fn count_positions_after(&mut self, padding: u32) {
        let mut count = 0;
        for (position, id) in self.positions.iter_mut().zip(&self.ids) {
            if *position == 0 {
                count = 0; // a sequence begins
            }
            let is_padding = *id == padding;
            count += u32::from(!is_padding);
            *position = if is_padding { padding } else { padding + count };
        }
    }

    /// All token types are 0.
    pub(super) fn forget_types(&mut self) {
        self.types.fill(0);
    }

    /// Its counts.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes::from_segments(&self.segment_offsets)
    }

    /// The inputs of a model's graph, in its order.
    ///
    /// ```
    /// # use wgformer::models::{Batch, Head, Model};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// # let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &Default::default())?;
    /// # let mut batch = Batch::new();
    /// # batch.push(&[2, 7, 3], &[0, 0, 0]);
    /// let values = batch.values(model.plan().graph())?;
    /// assert_eq!(model.plan().run(&batch.sizes(), &values)?, model.run(&batch)?);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Input`] if the graph has an input that no batch gives.
    pub fn values(&self, graph: &Graph) -> Result<Vec<Value<'_>>> {
        let inputs = graph.inputs().iter();
        inputs
            .map(|input| self.value(&graph.tensor(*input).name))
            .collect()
    }

    /// One of them, by its name.
    pub(super) fn value(&self, name: &str) -> Result<Value<'_>> {
        match name {
            "ids" => Ok(Value::U32(&self.ids)),
            "positions" => Ok(Value::U32(&self.positions)),
            "types" => Ok(Value::U32(&self.types)),
            "segment_offsets" => Ok(Value::U32(&self.segment_offsets)),
            _ => Err(Error::Input {
                name: name.to_owned(),
                message: "is no input of a batch".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::Batch;

    #[test]
    fn a_sequence_that_cannot_be_is_refused_and_leaves_the_batch_as_it_was() {
        let mut batch = Batch::new();
        batch.push(&[1, 2, 3, 4, 5], &[0; 5]);
        let before = batch.clone();
        type Push = fn(&mut Batch);
        let cases: [(&str, Push); 4] = [
            ("a type per token", |it| it.push(&[1], &[0, 0])),
            ("a type per token", |it| it.push_expanded(&[1, 2], &[0], 1)),
            ("3 tokens expand a sequence of 1", |it| {
                it.push_expanded(&[1], &[0], 3);
            }),
            ("tokens expand", |it| {
                it.push_expanded(&[1], &[0], usize::MAX)
            }),
        ];
        for (message, push) in cases {
            let panic = catch_unwind(AssertUnwindSafe(|| push(&mut batch))).unwrap_err();
            let said = panic.downcast_ref::<String>().unwrap();
            assert!(said.contains(message), "{said}");
            assert_eq!(batch, before, "{message}");
        }
        batch.push_expanded(&[1], &[0], 1);
        assert_eq!(batch.segment_offsets, [0, 5, 5, 6]);
    }
}
