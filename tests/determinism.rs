//! The same input gives the same bits: in every run, in any batch, from any thread.

mod common;
#[path = "common/default_model.rs"]
mod default_model;

use std::ops::Range;
use std::path::Path;
use std::thread;

use wgformer::Gpu;
use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::ops::Pooling;
use wgformer::plan::Value;
use wgformer::tasks::{Embedder, EmbedderOptions};
use wgformer::tensor::{Data, Sizes, WeightType};
use wgformer::verify::cases::{self, Distances, Epilogue};
use wgformer::verify::{self, Random, Values};

const WEIGHT_TYPES: [WeightType; 3] = WeightType::ALL;

const HEADS: [Head; 2] = [
    Head::HiddenStates,
    Head::Pooled {
        pooling: Pooling::Mean,
        normalize: true,
    },
];

/// Of the committed models one on textures where the adapter prefers them, one on buffers everywhere, and one whose
/// sequences fill several tiles of attention.
const TINY_MODELS: [&str; 3] = ["plain", "intermediate-of-67", "long"];

/// The tiny models' vocabulary.
const VOCABULARY: usize = 60;

fn tiny_model(gpu: &Gpu, name: &str, head: Head, options: &ModelOptions) -> Model {
    let directory = Path::new("tests/data/tiny").join(name);
    Model::load(gpu, &directory, head, usize::MAX, options).unwrap()
}

fn default_model(gpu: &Gpu, weight_type: WeightType, batch_tokens: usize) -> Embedder {
    let options = ModelOptions::default()
        .weight_type(weight_type)
        .batch_tokens(batch_tokens);
    let options = EmbedderOptions::default().model(options);
    Embedder::load_with(gpu, default_model::directory(), &options).unwrap()
}

/// Token ids and token types.
type Sequence = (Vec<u32>, Vec<u32>);

/// Without tokens, of one, of the most there may be, and of random lengths.
fn sequences(random: &mut Random, longest: usize) -> Vec<Sequence> {
    let mut lengths = vec![0, 1, longest];
    lengths.extend((0..5).map(|_| random.below(longest + 1)));
    let mut below = |bound, count| (0..count).map(|_| random.below(bound) as u32).collect();
    let lengths = lengths.into_iter();
    lengths
        .map(|length| (below(VOCABULARY, length), below(2, length)))
        .collect()
}

/// The bits of a result: `==` holds -0 to be 0.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn run<'a>(model: &Model, sequences: impl IntoIterator<Item = &'a Sequence>) -> Vec<u32> {
    let mut batch = Batch::new();
    for (ids, types) in sequences {
        batch.push(ids, types);
    }
    bits(&model.run(&batch).unwrap())
}

fn embed<S: AsRef<str>>(model: &Embedder, texts: &[S]) -> Vec<Vec<u32>> {
    let vectors = model.embed(texts).unwrap();
    vectors.iter().map(|vector| bits(vector)).collect()
}

#[test]
fn a_hundred_runs_give_the_same_bits() {
    let (gpu, _turn) = common::gpu();
    let model = default_model(&gpu, WeightType::F32, 100);
    let expected = embed(&model, &["a cat"]);
    for run in 1..100 {
        assert_eq!(embed(&model, &["a cat"]), expected, "run {run}");
    }
}

#[test]
fn a_hundred_runs_of_a_mixed_batch_give_the_same_bits() {
    let (gpu, _turn) = common::gpu();
    for name in TINY_MODELS {
        let model = tiny_model(&gpu, name, Head::HiddenStates, &ModelOptions::default());
        let sequences = sequences(&mut Random::new(1), model.max_tokens());
        let expected = run(&model, &sequences);
        for count in 1..100 {
            assert!(run(&model, &sequences) == expected, "{name}, run {count}");
        }
    }
}

/// Alone, in one batch with all others, in another order, in batches of another size.
#[test]
fn a_text_does_not_depend_on_the_batch() {
    let mut texts = default_model::texts();
    texts.drain(10..texts.len() - 1); // leaves ten short ones and the longest
    let (gpu, _turn) = common::gpu();
    for weight_type in WEIGHT_TYPES {
        let together = embed(&default_model(&gpu, weight_type, 2000), &texts);
        let small = default_model(&gpu, weight_type, 100);
        assert_eq!(embed(&small, &texts), together);
        let reversed: Vec<&String> = texts.iter().rev().collect();
        let mut backwards = embed(&small, &reversed);
        backwards.reverse();
        assert_eq!(backwards, together);
        for (text, expected) in texts.iter().zip(&together) {
            assert_eq!(&embed(&small, &[text])[0], expected, "{text:?} alone");
        }
    }
}

#[test]
fn a_sequence_does_not_depend_on_the_batch() {
    let (gpu, _turn) = common::gpu();
    for (name, head, weight_type) in combinations() {
        let load = |batch_tokens| {
            let mut options = ModelOptions::default();
            options = options.weight_type(weight_type);
            options = options.batch_tokens(batch_tokens);
            tiny_model(&gpu, name, head.clone(), &options)
        };
        let smallest = load(1);
        let random = &mut Random::new(2);
        let sequences = sequences(random, smallest.max_tokens());
        let alone: Vec<Vec<u32>> = sequences.iter().map(|one| run(&smallest, [one])).collect();
        for batch_tokens in [1, 100, 1000] {
            let model = load(batch_tokens);
            for _ in 0..10 {
                let places = random_batch(random, &sequences, &model);
                let found = run(&model, places.iter().map(|place| &sequences[*place]));
                let expected = places.iter().map(|place| &alone[*place][..]);
                let case = format!("{name}, {head:?}, {weight_type}, {batch_tokens}: {places:?}");
                assert!(found == expected.collect::<Vec<_>>().concat(), "{case}");
            }
        }
    }
}

/// Of each kernel on its own: cooperative matrices add up in an order of their own.
#[test]
fn a_row_of_a_linear_layer_does_not_depend_on_the_rows_around_it() {
    let (gpu, _turn) = common::gpu();
    let [m, n, k] = [131, 68, 100];
    let case = cases::linear([m, n, k], Epilogue::default(), Values::Unit).unwrap();
    let Data::F32(x) = &case.inputs[0] else {
        panic!("x is of floats")
    };
    for candidate in verify::candidates(&gpu, &case) {
        let plan = candidate.plan(&gpu, &case).unwrap();
        let run = |rows: Range<usize>| {
            let sizes = Sizes {
                tokens: rows.len(),
                sequences: 1,
                longest: rows.len(),
            };
            let x = Value::F32(&x[rows.start * k..rows.end * k]);
            bits(&plan.run(&sizes, &[x]).unwrap())
        };
        let together = run(0..m);
        for rows in [0..1, 130..131, 1..64, 17..130] {
            let expected = &together[rows.start * n..rows.end * n];
            assert!(run(rows.clone()) == expected, "{candidate:?}, {rows:?}");
        }
        // What overflows in one text stays in its own rows.
        let mut overflowing = x.clone();
        let rows = [0, 64, 129];
        for row in rows {
            overflowing[row * k..(row + 1) * k].fill(f32::INFINITY);
        }
        let found = bits(&plan.run(&case.sizes, &[Value::F32(&overflowing)]).unwrap());
        for row in (0..m).filter(|row| !rows.contains(row)) {
            let columns = row * n..(row + 1) * n;
            assert!(
                found[columns.clone()] == together[columns],
                "{candidate:?}, {row}"
            );
        }
    }
}

/// Likewise: of each kernel, every sequence of a batch against itself alone.
#[test]
fn attention_does_not_depend_on_the_sequences_around_it() {
    let (gpu, _turn) = common::gpu();
    let (lengths, heads, head_dim, values) = ([70, 1, 33], 2, 20, Values::Unit);
    let within = |distances| {
        let case = cases::attention_with(&lengths, heads, head_dim, 1.0, values, distances);
        case.unwrap()
    };
    let shape = (heads, head_dim);
    let disentangled = cases::disentangled_attention(&lengths, shape, 40, 1.0, values).unwrap();
    let plain = within(Distances::default());
    for case in [plain, within(NEAR), within(BEFORE), disentangled] {
        let [Data::U32(offsets), Data::F32(qkv)] = &case.inputs[..] else {
            panic!("offsets, and qkv of floats")
        };
        let width = heads * head_dim;
        for candidate in verify::candidates(&gpu, &case) {
            let plan = candidate.plan(&gpu, &case).unwrap();
            let together = bits(&plan.run(&case.sizes, &case.values()).unwrap());
            for ends in offsets.windows(2) {
                let rows = ends[0] as usize..ends[1] as usize;
                let per_head = qkv.chunks(case.sizes.tokens * head_dim);
                let alone: Vec<f32> = per_head
                    .flat_map(|head| &head[rows.start * head_dim..rows.end * head_dim])
                    .copied()
                    .collect();
                let offsets = [0, rows.len() as u32];
                let sizes = Sizes::from_segments(&offsets);
                let values = [Value::U32(&offsets), Value::F32(&alone)];
                let expected = &together[rows.start * width..rows.end * width];
                let found = bits(&plan.run(&sizes, &values).unwrap());
                assert!(found == expected, "{candidate:?}, {rows:?}");
            }
        }
    }
}

/// A window and a bias narrower than the tiles of every kernel.
const NEAR: Distances = Distances {
    window: Some(20),
    reach: Some(4),
    expanded: false,
    causal: false,
};

const BEFORE: Distances = Distances {
    window: None,
    reach: None,
    expanded: false,
    causal: true,
};

/// Tiles of keys that no query of a tile sees are not read: zero times infinity would be NaN.
#[test]
fn what_overflows_where_nobody_looks_is_not_seen() {
    const TOKENS: usize = 400;
    const FAR: usize = 20 + 128 + 32; // a window, and the largest tiles of keys and of queries
    const FIRST: (usize, Range<usize>) = (0, 0..FAR);
    const LAST: (usize, Range<usize>) = (TOKENS - 1, TOKENS - FAR..TOKENS);
    let (gpu, _turn) = common::gpu();
    let within = [(NEAR, &[FIRST, LAST][..]), (BEFORE, &[LAST])];
    for (head_dim, (distances, overflowing)) in [32, 256]
        .into_iter()
        .flat_map(|head_dim| within.map(|it| (head_dim, it)))
    {
        let case = cases::attention_with(&[TOKENS], 1, head_dim, 1.0, Values::Unit, distances);
        let case = case.unwrap();
        let [offsets, Data::F32(qkv)] = &case.inputs[..] else {
            panic!("offsets, and qkv of floats")
        };
        for candidate in verify::candidates(&gpu, &case) {
            let plan = candidate.plan(&gpu, &case).unwrap();
            let run = |qkv: &[f32]| {
                let values = [Value::from(offsets), Value::F32(qkv)];
                bits(&plan.run(&case.sizes, &values).unwrap())
            };
            let expected = run(qkv);
            for (overflows, seeing) in overflowing {
                let mut values = qkv.clone();
                values[(2 * TOKENS + overflows) * head_dim..][..head_dim].fill(f32::INFINITY);
                let found = run(&values);
                for query in (0..TOKENS).filter(|query| !seeing.contains(query)) {
                    let columns = query * head_dim..(query + 1) * head_dim;
                    assert!(
                        found[columns.clone()] == expected[columns],
                        "{candidate:?}, {query}"
                    );
                }
            }
        }
    }
}

fn combinations() -> impl Iterator<Item = (&'static str, Head, WeightType)> {
    let names = TINY_MODELS.into_iter();
    names.flat_map(|name| {
        let heads = HEADS.into_iter();
        heads
            .flat_map(move |head| WEIGHT_TYPES.map(|weight_type| (name, head.clone(), weight_type)))
    })
}

/// The places of some sequences, any number of times and in any order, as many as the model takes at most.
fn random_batch(random: &mut Random, sequences: &[Sequence], model: &Model) -> Vec<usize> {
    let most_tokens = model.batch_tokens().max(model.max_tokens());
    let (mut places, mut tokens) = (Vec::new(), 0);
    for _ in 0..=random.below(model.batch_sequences().min(30)) {
        let place = random.below(sequences.len());
        let length = sequences[place].0.len();
        if tokens + length <= most_tokens {
            places.push(place);
            tokens += length;
        }
    }
    places
}

#[test]
fn threads_that_share_the_default_model_get_the_bits_of_one() {
    let (gpu, _turn) = common::gpu();
    let model = default_model(&gpu, WeightType::F32, 100);
    let texts = &default_model::texts()[..6];
    let expected = embed(&model, texts);
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| embed(&model, texts)));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[test]
fn threads_with_different_inputs_get_the_bits_of_one() {
    let (gpu, _turn) = common::gpu();
    for name in TINY_MODELS {
        let model = tiny_model(&gpu, name, Head::HiddenStates, &ModelOptions::default());
        let inputs = [1, 2, 3, 4].map(|seed| sequences(&mut Random::new(seed), model.max_tokens()));
        let expected = inputs.each_ref().map(|sequences| run(&model, sequences));
        thread::scope(|scope| {
            for (sequences, expected) in inputs.iter().zip(&expected) {
                let model = &model;
                scope.spawn(move || {
                    for count in 0..25 {
                        assert!(run(model, sequences) == *expected, "{name}, run {count}");
                    }
                });
            }
        });
    }
}
