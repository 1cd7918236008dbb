//! The head that predicts tokens, for a vocabulary that no binding of the device may hold: in parts, with the same bits.

mod common;
#[path = "common/generated_model.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod generated_model;

use std::path::Path;

use generated_model::{GeneratedModel, HIDDEN, Weight};
use safetensors::Dtype;
use serde_json::json;
use wgformer::models::{Batch, MaskedLm, ModelOptions};
use wgformer::plan::Control;
use wgformer::tensor::WeightType;
use wgformer::verify::Random;
use wgformer::{Error, Gpu};

/// Of which the last part has a few entries, and those not a multiple of four.
const VOCABULARY: usize = 4099;

/// BERT with such a head, whose decoder is the table of embeddings.
fn masked_lm(file: Dtype) -> GeneratedModel {
    let mut model = GeneratedModel::new();
    model.config["vocab_size"] = json!(VOCABULARY);
    model.config["architectures"] = json!(["BertForMaskedLM"]);
    model.dtype = file;
    let mut random = Random::new(5);
    for (name, shape) in [
        (
            "embeddings.word_embeddings.weight",
            vec![VOCABULARY, HIDDEN],
        ),
        ("cls.predictions.transform.dense.weight", vec![HIDDEN; 2]),
        ("cls.predictions.transform.dense.bias", vec![HIDDEN]),
        ("cls.predictions.transform.LayerNorm.weight", vec![HIDDEN]),
        ("cls.predictions.transform.LayerNorm.bias", vec![HIDDEN]),
        ("cls.predictions.bias", vec![VOCABULARY]),
    ] {
        let values = random.weights(&shape).f32().to_vec();
        let weight = Weight { shape, values };
        model.weights.insert(name.to_owned(), weight);
    }
    model
}

fn load(gpu: &Gpu, folder: &Path, options: &ModelOptions) -> MaskedLm {
    MaskedLm::load(gpu, folder, 16, options).unwrap()
}

fn limited(gpu: &Gpu, lower: impl Fn(&mut wgpu::Limits)) -> Gpu {
    let mut limits = gpu.capabilities().limits.clone();
    lower(&mut limits);
    common::device(gpu, gpu.capabilities().features, limits)
}

fn batch() -> Batch {
    let mut batch = Batch::new();
    for length in [13, 9, 16, 16, 16] {
        let ids: Vec<u32> = (0..length).map(|i| 701 * i % VOCABULARY as u32).collect();
        batch.push(&ids, &vec![0; ids.len()]);
    }
    batch
}

/// More than are predicted at once, in no order.
fn places() -> Vec<usize> {
    (0..70).map(|place| 37 * place % 70).collect()
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|logit| logit.to_bits()).collect()
}

#[test]
fn a_vocabulary_beyond_the_largest_binding_is_predicted_in_parts() {
    let (gpu, _turn) = common::gpu();
    let small = limited(&gpu, |limits| {
        limits.max_storage_buffer_binding_size = 256 << 10;
    });
    let narrow = limited(&gpu, |limits| limits.max_texture_dimension_2d = 512);
    let folder = tempfile::tempdir().unwrap();
    for (file, weight_type) in [
        (Dtype::F32, WeightType::F32),
        (Dtype::F16, WeightType::F16),
        (Dtype::BF16, WeightType::I8),
    ] {
        masked_lm(file).write(folder.path());
        let options = ModelOptions::default().weight_type(weight_type);
        let whole = load(&gpu, folder.path(), &options);
        assert_eq!(whole.head().len(), 1);
        let expected = bits(&whole.run(&batch(), &places()).unwrap());
        assert_eq!(expected.len(), 70 * VOCABULARY);

        let in_parts = load(&small, folder.path(), &options);
        assert_eq!(in_parts.head().len(), 5); // of as many logits as a binding may hold
        let parts = MaskedLm::parts(&small, folder.path(), &options).unwrap();
        let entries = parts.iter().map(|part| part.columns);
        assert_eq!((parts.len(), entries.sum()), (5, VOCABULARY));
        in_parts.warm_up().unwrap();
        let found = in_parts.run(&batch(), &places()).unwrap();
        assert!(bits(&found) == expected, "{file:?}, {weight_type}");

        let narrow = load(&narrow, folder.path(), &options);
        if gpu.capabilities().is_software() {
            assert_eq!(narrow.head().len(), 3); // of textures
        }
        let found = narrow.run(&batch(), &places()).unwrap();
        assert!(bits(&found) == expected, "{file:?}, {weight_type}");
    }
}

/// A device of other limits takes other parts.
#[test]
fn what_is_in_parts_recovers_whole_and_the_other_way_round() {
    let (gpu, _turn) = common::gpu();
    let small = limited(&gpu, |limits| {
        limits.max_storage_buffer_binding_size = 256 << 10;
    });
    let folder = tempfile::tempdir().unwrap();
    masked_lm(Dtype::F32).write(folder.path());
    let in_parts = load(&small, folder.path(), &ModelOptions::default());
    let expected = in_parts.run(&batch(), &places()).unwrap();
    let whole = in_parts.recover(&gpu).unwrap();
    assert_eq!(whole.head().len(), 1);
    assert!(whole.run(&batch(), &places()).unwrap() == expected);
    let again = pollster::block_on(whole.recover_async(&small)).unwrap();
    assert_eq!(again.head().len(), in_parts.head().len());
    let mut rows = expected.chunks_exact(VOCABULARY);
    let (batch, places) = (batch(), places());
    let each = |logits: &[f32]| assert!(Some(logits) == rows.next());
    let run = again.for_each_async(&batch, &places, Control::new(), each);
    pollster::block_on(run).unwrap();
    assert!(rows.next().is_none());
}

/// The least budget is enough for encoder and all parts, and what they take once they ran.
#[test]
fn a_budget_is_for_all_parts() {
    let (gpu, _turn) = common::gpu();
    let small = limited(&gpu, |limits| {
        limits.max_storage_buffer_binding_size = 256 << 10;
    });
    let folder = tempfile::tempdir().unwrap();
    masked_lm(Dtype::F32).write(folder.path());
    let within = |budget| {
        let options = ModelOptions::default().memory_budget(budget);
        MaskedLm::load(&small, folder.path(), 16, &options)
    };
    let unbounded = load(&small, folder.path(), &ModelOptions::default());
    unbounded.run(&batch(), &places()).unwrap();
    let parts = unbounded.head().iter();
    let of_head: u64 = parts.map(|part| part.memory().total()).sum();

    let needed = |allowed| match within(allowed) {
        Err(Error::Limit {
            needed,
            allowed: said,
            ..
        }) => {
            assert_eq!(said, allowed);
            needed
        }
        other => panic!("{other:?}"),
    };
    let budget = needed(1);
    assert!(budget > of_head, "{budget} bytes, {of_head} for the head");
    assert_eq!([of_head, budget - 1].map(needed), [budget; 2]);
    let model = within(budget).unwrap();
    let mut short = Batch::new();
    short.push(&[2, 7, 3], &[0; 3]);
    let expected = unbounded.run(&short, &[0, 1, 2]).unwrap();
    assert!(model.run(&short, &[0, 1, 2]).unwrap() == expected);
    let taken = model.memory().total();
    assert!(taken <= budget, "{taken} bytes, within {budget}");
}
