use crate::models::{Batch, Model};
use crate::text::Tokens;

/// Texts that run together.
pub(super) struct Pack {
    /// Their places among all that were packed.
    pub(super) places: Vec<usize>,
    /// Their numbers of tokens.
    pub(super) lengths: Vec<usize>,
    /// Whether they had more.
    pub(super) are_cut: Vec<bool>,
    pub(super) batch: Batch,
}

/// All texts in batches as large as the model takes them.
pub(super) fn pack(tokens: &[Tokens], model: &Model) -> Vec<Pack> {
    let lengths: Vec<usize> = tokens.iter().map(|tokens| tokens.ids.len()).collect();
    let batches = batches(&lengths, model.batch_tokens(), model.batch_sequences());
    let pack = |places: Vec<usize>| {
        let mut batch = Batch::new();
        for place in &places {
            let Tokens {
                ids,
                types,
                expansion,
                ..
            } = &tokens[*place];
            if model.is_expanded() {
                batch.push_expanded(ids, types, *expansion);
            } else {
                batch.push(ids, types);
            }
        }
        Pack {
            lengths: places.iter().map(|place| lengths[*place]).collect(),
            are_cut: places.iter().map(|place| tokens[*place].is_cut).collect(),
            places,
            batch,
        }
    };
    batches.into_iter().map(pack).collect()
}

/// Fills batches to a budget: the sequences' places, longest first, in batches of at most `max_tokens` tokens and
/// `max_sequences` sequences. A sequence that is longer than the budget goes alone.
///
/// Sequences of like length share a batch, since the grid of attention is as long as the longest.
fn batches(lengths: &[usize], max_tokens: usize, max_sequences: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(lengths[*place])); // stable
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut tokens = 0;
    for place in order {
        match batches.last_mut() {
            Some(batch) if tokens + lengths[place] <= max_tokens && batch.len() < max_sequences => {
                batch.push(place)
            }
            _ => {
                batches.push(vec![place]);
                tokens = 0;
            }
        }
        tokens += lengths[place];
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn the_budget_is_exactly_honoured_and_a_longer_sequence_goes_alone() {
        assert_eq!(
            batches(&[3, 9, 5, 2, 5], 10, 99),
            [vec![1], vec![2, 4], vec![0, 3]]
        );
        assert_eq!(batches(&[4, 20, 6], 10, 99), [vec![1], vec![2, 0]]);
        assert_eq!(batches(&[1; 5], 10, 2), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(batches(&[], 10, 2), Vec::<Vec<usize>>::new());
    }
}
