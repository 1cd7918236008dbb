//! What a model takes on its device: said before and after, kept within a budget, and given back.

mod common;
#[path = "common/generated_model.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod generated_model;

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use generated_model::{GeneratedModel, HIDDEN, Weight};
use safetensors::Dtype;
use serde_json::json;
use wgformer::graph::Source;
use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::ops::Pooling;
use wgformer::plan::{Plan, PlanOptions, Value, Weights};
use wgformer::tensor::{Dim, Sizes, Tensor, WeightType};
use wgformer::verify::Random;
use wgformer::{Error, Gpu, Graph};

const POOLED: Head = Head::Pooled {
    pooling: Pooling::Mean,
    normalize: true,
};

fn directory(name: &str) -> PathBuf {
    Path::new("tests/data/tiny").join(name)
}

fn load(gpu: &Gpu, options: &ModelOptions) -> Model {
    Model::load(gpu, &directory("plain"), POOLED, usize::MAX, options).unwrap()
}

/// A device that nothing was allocated on yet.
fn fresh(gpu: &Gpu) -> Gpu {
    let limits = gpu.capabilities().limits.clone();
    common::device(gpu, gpu.capabilities().features, limits)
}

fn batch(seed: u32) -> Batch {
    let mut batch = Batch::new();
    for length in [3, 7] {
        let ids: Vec<u32> = (0..length).map(|i| (7 * i + 5 * seed) % 60).collect();
        batch.push(&ids, &vec![0; ids.len()]);
    }
    batch
}

#[test]
fn what_a_model_takes_is_known_before_it_is_loaded() {
    let (gpu, _turn) = common::gpu();
    for weight_type in [WeightType::F32, WeightType::F16, WeightType::I8] {
        let gpu = fresh(&gpu);
        let mut options = ModelOptions::default();
        options = options.weight_type(weight_type);
        let before = common::allocated(&gpu);
        let said =
            Model::memory_needed(&gpu, &directory("plain"), POOLED, usize::MAX, &options).unwrap();
        assert_eq!(said.runs, 1);
        let model = load(&gpu, &options);
        let loaded = common::allocated(&gpu);
        assert_eq!(model.memory().runs, 0);
        assert_eq!(model.memory().weights, said.weights);
        model.run(&batch(1)).unwrap();
        assert_eq!(model.memory(), said);
        let ran = common::allocated(&gpu);
        if let [Some(before), Some(loaded), Some(ran)] = [before, loaded, ran] {
            // The driver aligns each of some tens of buffers; what pipelines were warmed up with is small.
            let slack = 256 << 10;
            let weights = loaded - before;
            assert!(
                (said.weights..said.weights + slack).contains(&weights),
                "{weights} bytes of weights, said to be {}",
                said.weights
            );
            let run = ran - loaded;
            // An application's buffer for the result is counted, and made when it is asked for.
            assert!(
                (said.activations..said.per_run() + slack).contains(&run),
                "{run} bytes of a run, said to be {}",
                said.per_run()
            );
        }
    }
}

/// Copies to a texture want longer rows than these.
#[test]
fn what_brings_short_rows_to_the_device_is_counted() {
    let (gpu, _turn) = common::gpu();
    let gpu = fresh(&gpu);
    let (tokens, columns) = (2048, 8);
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(columns)]);
    let weight = graph.parameter("weight", [columns, columns]);
    graph.linear(x, weight, None).unwrap();
    let zeros = Tensor::new([columns, columns], vec![0.0; columns * columns]);
    let weights = HashMap::from([("weight".to_owned(), zeros)]);
    let sizes = Sizes {
        tokens,
        sequences: tokens,
        longest: 1,
    };
    let plan = Plan::compile(&gpu, &graph, Arc::new(weights), &PlanOptions::new(sizes)).unwrap();
    let said = plan.memory().per_run();
    let plan = Arc::new(plan);
    let before = common::allocated(&gpu);
    let forward = plan.begin(&sizes, &[Value::F32(&vec![0.0; tokens * columns])]);
    if let [Some(before), Some(now)] = [before, common::allocated(&gpu)] {
        let taken = now - before;
        assert!(
            taken <= said + (128 << 10),
            "{taken} bytes, said to be {said}"
        );
    }
    drop(forward.unwrap());
}

/// The least budget gives the smallest batches, and one byte less an error that says how much is needed.
#[test]
fn a_budget_makes_batches_smaller_and_is_kept() {
    let (gpu, _turn) = common::gpu();
    let mut options = ModelOptions::default();
    let unbounded = load(&gpu, &options);
    let expected = unbounded.run(&batch(1)).unwrap();
    options = options.memory_budget(1);
    let refused = Model::load(&gpu, &directory("plain"), POOLED, usize::MAX, &options);
    let Err(Error::Limit { needed, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("raise the memory budget")
    );

    options = options.memory_budget(needed - 1);
    Model::load(&gpu, &directory("plain"), POOLED, usize::MAX, &options).unwrap_err();
    let whole = Model::memory_needed(&gpu, &directory("plain"), POOLED, usize::MAX, &{
        ModelOptions::default()
    })
    .unwrap();
    let mut last = 0;
    for budget in [
        needed,
        needed + whole.per_run() / 3,
        whole.total(),
        u64::MAX,
    ] {
        options = options.memory_budget(budget);
        let model = load(&gpu, &options);
        assert_eq!(model.run(&batch(1)).unwrap(), expected, "{budget}");
        assert!(model.memory().total() <= budget);
        assert!(model.batch_tokens() >= last);
        last = model.batch_tokens();
    }
    assert_eq!(last, unbounded.batch_tokens());
}

/// With room for one run.
fn narrow(gpu: &Gpu) -> Model {
    let mut options = ModelOptions::default();
    let needed =
        Model::memory_needed(gpu, &directory("plain"), POOLED, usize::MAX, &options).unwrap();
    options = options.memory_budget(needed.total());
    load(gpu, &options)
}

/// Two runs beyond what there is room for wait, and are served in the order in which they came.
#[test]
fn runs_beyond_the_budget_wait_in_order() {
    let (gpu, _turn) = common::gpu();
    let model = narrow(&gpu);
    let (expected, batch) = (model.run(&batch(1)).unwrap(), batch(1));
    let mut context = Context::from_waker(Waker::noop());
    let [mut first, mut second, mut dropped, mut third] =
        [(); 4].map(|()| Box::pin(model.run_async(&batch)));
    if first.as_mut().poll(&mut context).is_ready() {
        return; // GL, where a submit waits: no run is ever beside another
    }
    for run in [&mut second, &mut dropped, &mut third] {
        assert!(run.as_mut().poll(&mut context).is_pending());
    }
    drop(dropped); // gives up
    std::thread::sleep(Duration::from_millis(20));
    for run in [&mut second, &mut third] {
        assert!(run.as_mut().poll(&mut context).is_pending(), "no room yet");
    }
    assert_eq!(pollster::block_on(first).unwrap(), expected);
    assert!(
        third.as_mut().poll(&mut context).is_pending(),
        "it is not its turn"
    );
    assert_eq!(pollster::block_on(second).unwrap(), expected);
    assert_eq!(pollster::block_on(third).unwrap(), expected);
    assert_eq!(model.memory().runs, 1);
}

/// A run waits for nothing that may never come: what an application holds is a matter of the application's.
#[test]
fn what_an_application_records_never_keeps_a_run_waiting_for_ever() {
    let (gpu, _turn) = common::gpu();
    let (model, batch) = (load(&gpu, &ModelOptions::default()), batch(1));
    let expected = model.run(&batch).unwrap();
    let forwards = [(); 5].map(|()| model.begin(&batch).unwrap());
    assert_eq!(model.run(&batch).unwrap(), expected, "beside five of them");
    drop(forwards);
    assert!(model.memory().runs <= 3, "what they had is given back");

    let model = narrow(&gpu);
    let forward = model.begin(&batch).unwrap();
    for refused in [model.begin(&batch).map(drop), model.run(&batch).map(drop)] {
        let error = refused.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Limit {
                    needed: 2,
                    allowed: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
    drop(forward); // nothing was recorded
    assert_eq!(model.run(&batch).unwrap(), expected);

    // Recorded, submitted and dropped, and nobody polls: the run after it finds out when the device is through.
    let mut forward = model.begin(&batch).unwrap();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    forward.record(&mut encoder, Duration::MAX).unwrap();
    drop(forward);
    let error = model.run(&batch).unwrap_err();
    assert!(
        matches!(error, Error::Limit { .. }),
        "not submitted: {error}"
    );
    gpu.queue().submit([encoder.finish()]);
    assert_eq!(model.run(&batch).unwrap(), expected);
}

/// What a run that was dropped halfway may still write is the next one's only when the device is through with it: no
/// other memory is taken meanwhile.
#[test]
fn cancelled_runs_stay_within_the_budget() {
    let (gpu, _turn) = common::gpu();
    let gpu = fresh(&gpu);
    let model = narrow(&gpu);
    let expected = model.run(&batch(1)).unwrap();
    let before = common::allocated(&gpu);
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1..40 {
        let other = batch(2);
        let mut run = pin!(model.run_async(&other));
        for _ in 0..polls % 4 {
            let _ = run.as_mut().poll(&mut context).map(Result::unwrap);
        }
        assert!(model.memory().runs <= 1);
    }
    assert_eq!(model.run(&batch(1)).unwrap(), expected);
    assert_eq!(model.memory().runs, 1);
    assert_eq!(common::allocated(&gpu), before);
}

/// A table that no binding may hold: its rows come with each run, and the bits are the same.
#[test]
fn a_table_beyond_the_largest_binding_stays_on_the_host() {
    let (gpu, _turn) = common::gpu();
    let directory = tempfile::tempdir().unwrap();
    const VOCABULARY: usize = 4096;
    let mut source = GeneratedModel::new();
    source.config["vocab_size"] = json!(VOCABULARY);
    let name = "embeddings.word_embeddings.weight";
    let shape = vec![VOCABULARY, HIDDEN];
    let values = Random::new(5).weights(&shape).f32().to_vec();
    source
        .weights
        .insert(name.to_owned(), Weight { shape, values });
    for (file, weight_type) in [
        (Dtype::F32, WeightType::F32),
        (Dtype::F16, WeightType::F32),
        (Dtype::BF16, WeightType::F16),
    ] {
        source.dtype = file;
        source.write(directory.path());
        let mut options = ModelOptions::default();
        options = options.weight_type(weight_type);
        options = options.batch_tokens(16);
        let load = |gpu: &Gpu| Model::load(gpu, directory.path(), POOLED, 16, &options).unwrap();
        let whole = load(&gpu);
        let mut limits = gpu.capabilities().limits.clone();
        limits.max_storage_buffer_binding_size = 64 << 10;
        let small = common::device(&gpu, gpu.capabilities().features, limits);
        let gathered = load(&small);
        assert!(gathered.memory().weights < whole.memory().weights / 4);
        for seed in 1..4 {
            let mut batch = Batch::new();
            for length in [3, 9] {
                let ids: Vec<u32> = (0..length).map(|i| (701 * i + 997 * seed) % 4096).collect();
                batch.push(&ids, &vec![0; ids.len()]);
            }
            let expected = whole.run(&batch).unwrap();
            assert_eq!(gathered.run(&batch).unwrap(), expected, "{file:?}, {seed}");
        }
    }
}

/// Weights that give other rows than they are asked for.
struct Short(HashMap<String, Tensor>);

impl Weights for Short {
    fn location(&self) -> String {
        "short weights".to_owned()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.0.shape(name)
    }

    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>, Error> {
        Weights::values(&self.0, name)
    }

    fn rows(&self, name: &str, rows: &[u32]) -> Result<Vec<f32>, Error> {
        self.0.rows(name, &rows[1..])
    }
}

#[test]
fn a_row_too_few_of_a_table_on_the_host_is_an_error() {
    let (gpu, _turn) = common::gpu();
    let mut limits = gpu.capabilities().limits.clone();
    limits.max_storage_buffer_binding_size = 64 << 10;
    let gpu = common::device(&gpu, gpu.capabilities().features, limits);
    let mut graph = Graph::new();
    let rows = [("ids", 4096), ("positions", 8), ("types", 2)];
    let indices = rows.map(|(name, rows)| graph.ids(name, rows));
    let tables = rows.map(|(name, rows)| graph.parameter(&format!("table of {name}"), [rows, 8]));
    let weight = graph.parameter("weight", [8]);
    let bias = graph.parameter("bias", [8]);
    let sum = graph.embedding_sum(indices, tables).unwrap();
    graph.layer_norm(sum, weight, bias, 1e-12).unwrap();
    let tensors = graph
        .tensors()
        .iter()
        .filter(|it| it.source == Source::Parameter);
    let zeros = tensors.map(|it| {
        let shape = it.shape.resolve(&Sizes::default());
        let length = shape.iter().product();
        (it.name.clone(), Tensor::new(shape, vec![0.0; length]))
    });
    let weights = Arc::new(Short(zeros.collect()));
    let sizes = Sizes::from_segments(&[0, 3]);
    let plan = Plan::compile(&gpu, &graph, weights, &PlanOptions::new(sizes)).unwrap();
    let indices = [
        Value::U32(&[1, 2, 3]),
        Value::U32(&[0, 1, 2]),
        Value::U32(&[0; 3]),
    ];
    let error = plan.run(&sizes, &indices).unwrap_err();
    assert!(matches!(error, Error::TensorShape { .. }), "{error}");
    assert!(
        error.to_string().contains("rows of table of ids"),
        "{error}"
    );
}

#[test]
fn a_dropped_model_gives_its_memory_back() {
    let (gpu, _turn) = common::gpu();
    let gpu = fresh(&gpu);
    drop(load(&gpu, &ModelOptions::default())); // pipelines stay
    let before = common::allocated(&gpu);
    for _ in 0..3 {
        let model = load(&gpu, &ModelOptions::default());
        model.run(&batch(1)).unwrap();
        assert!(before.is_none() || common::allocated(&gpu) > before);
    }
    assert_eq!(common::allocated(&gpu), before);
}

#[test]
fn a_model_recovers_on_another_device() {
    let (gpu, _turn) = common::gpu();
    let lost = fresh(&gpu);
    let mut options = ModelOptions::default();
    options = options.weight_type(WeightType::F16);
    let model = load(&lost, &options);
    let expected = model.run(&batch(1)).unwrap();
    lost.device().destroy();
    let error = model.run(&batch(1)).unwrap_err();
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    let recovered = model.recover(&gpu).unwrap();
    assert_eq!(recovered.run(&batch(1)).unwrap(), expected);
}
