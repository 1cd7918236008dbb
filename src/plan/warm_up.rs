//! Each pipeline run once before anybody waits for it.

use std::collections::BTreeSet;

use super::{Plan, Value, inputs};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::graph::TensorId;
use crate::tensor::{Data, Sizes};

impl Plan {
    /// Runs each of its pipelines once, on inputs of zeros, so that nothing is left to compile or to allocate when the
    /// first real run comes: some drivers compile for good only then. A run of up to 256 tokens then tells how fast the
    /// device is, by which submits are kept short and [`Forward`](super::Forward) fills its frames.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn warm_up(&self) -> Result<()> {
        self.gpu.block_on(self.warm_up_async())
    }

    /// [`Plan::warm_up`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub async fn warm_up_async(&self) -> Result<()> {
        let bounds = self.steps.iter().flat_map(|step| step.offer.bounds());
        for sizes in sizes_of_variants(bounds, &self.capacity) {
            let zeros = |input: &TensorId| inputs::zeros(self.graph.tensor(*input), &sizes);
            let zeros: Vec<Data> = self.graph.inputs().iter().map(zeros).collect();
            let values: Vec<Value<'_>> = zeros.iter().map(Value::from).collect();
            self.run_async(&sizes, &values).await?;
        }
        Ok(())
    }
}

/// The tokens of a run that tells how fast the device is.
const MEASURED: usize = 256;

/// The smallest runs such that each variant is taken by one of them, and one of [`MEASURED`] tokens.
///
/// `bounds`: the most rows that each variant is for, of all steps; the next larger one is for one row more.
fn sizes_of_variants(bounds: impl Iterator<Item = usize>, capacity: &Sizes) -> Vec<Sizes> {
    let longest = capacity.longest.max(1);
    let most = capacity
        .tokens
        .min(longest.saturating_mul(capacity.sequences));
    let next = bounds
        .filter(|most| *most < usize::MAX)
        .map(|most| most + 1);
    let others = [1, MEASURED.min(most)];
    let tokens: BTreeSet<usize> = next
        .chain(others)
        .filter(|it| (1..=most).contains(it))
        .collect();
    let sizes = |tokens: usize| Sizes {
        tokens,
        sequences: tokens.div_ceil(longest),
        longest: tokens.min(longest),
    };
    tokens.into_iter().map(sizes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_is_reached_by_as_few_tokens_as_possible() {
        let capacity = Sizes {
            tokens: 100,
            sequences: 10,
            longest: 16,
        };
        let bounds = [
            usize::MAX,
            8,
            usize::MAX,
            8,
            40,
            usize::MAX,
            100,
            usize::MAX,
        ];
        let sizes = sizes_of_variants(bounds.into_iter(), &capacity);
        let sizes = sizes.iter().map(|it| [it.tokens, it.sequences, it.longest]);
        assert_eq!(
            Vec::from_iter(sizes),
            [[1, 1, 1], [9, 1, 9], [41, 3, 16], [100, 7, 16]]
        );
        assert!(sizes_of_variants([5].into_iter(), &Sizes::default()).is_empty());
    }
}
