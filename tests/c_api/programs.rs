//! C programs, compiled and run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wgformer::models::ModelOptions;
use wgformer::ops::Pooling;
use wgformer::tasks::{Embedder, EmbedderOptions};
use wgformer::tensor::WeightType;

use crate::common;
use crate::library::{Linking, program, run, scratch, succeed};
use crate::tasks;

const MODEL: &str = "tests/data/tiny/plain";

#[test]
fn every_function_keeps_its_word() {
    let (_gpu, _turn) = common::gpu();
    let version = succeed(
        program("tests/c_api/contract.c", Linking::Static)
            .arg(MODEL)
            .args([
                spoiled_model("model.safetensors", |_| "{".to_owned()),
                spoiled_model("config.json", |text| text.replace("\"bert\"", "\"gpt2\"")),
                spoiled_model("tokenizer.json", |_| "{".to_owned()),
            ]),
    );
    assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_function_of_the_tasks_keeps_its_word() {
    let (_gpu, _turn) = common::gpu();
    succeed(
        program("tests/c_api/task_contract.c", Linking::Static)
            .arg(MODEL)
            .args(&tasks::MODELS[..6]),
    );
}

/// A copy of the model with one file changed.
fn spoiled_model(file: &str, change: impl FnOnce(String) -> String) -> PathBuf {
    let copy = scratch().join(format!("spoiled {file}"));
    fs::create_dir_all(&copy).unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(Path::new(MODEL).join(name), copy.join(name)).unwrap();
    }
    let text = String::from_utf8_lossy(&fs::read(copy.join(file)).unwrap()).into_owned();
    fs::write(copy.join(file), change(text)).unwrap();
    copy
}

#[test]
fn vectors_are_those_of_the_rust_api_to_the_bit_whatever_the_options() {
    let (gpu, _turn) = common::gpu();
    let texts = [
        "a cat",
        "",
        "Zoë 1",
        "the quick brown fox jumps over the lazy dog",
    ];
    let found = succeed(
        program("tests/c_api/vectors.c", Linking::Shared)
            .arg(MODEL)
            .args(texts),
    );
    let expected = options().map(|options| {
        let embedder = Embedder::load_with(&gpu, MODEL, &options).unwrap();
        let vectors = embedder.embed(texts).unwrap().concat();
        let bits = vectors
            .iter()
            .map(|value| format!("{:08x}", value.to_bits()));
        bits.collect::<String>()
    });
    let expected: Vec<String> = expected.collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

/// Those of `vectors.c`, in its order.
fn options() -> impl Iterator<Item = EmbedderOptions> {
    let default = EmbedderOptions::default;
    let with_model = |model: ModelOptions| default().model(model);
    let dtypes = [WeightType::F32, WeightType::F16, WeightType::I8];
    let poolings = [Pooling::Mean, Pooling::Max, Pooling::Cls, Pooling::Last];
    let mut all = vec![default()];
    all.extend(dtypes.map(|dtype| with_model(ModelOptions::default().weight_type(dtype))));
    for (pooling, normalize) in poolings
        .into_iter()
        .flat_map(|pooling| [(pooling, false), (pooling, true)])
    {
        all.push(default().pooling(pooling).normalize(normalize));
    }
    all.push(with_model(ModelOptions::default().batch_tokens(5)));
    all.into_iter()
}

#[test]
fn threads_share_a_model_and_have_their_own_messages() {
    let (_gpu, _turn) = common::gpu();
    succeed(program("tests/c_api/threads.c", Linking::Static).arg(MODEL));
}

#[test]
fn the_example_finds_the_related_sentences() {
    let (_gpu, _turn) = common::gpu();
    let said = succeed(&mut program("examples/c/embed.c", Linking::Static));
    assert!(said.contains("3 vectors of 384 dimensions"), "{said}");
    assert!(
        said.contains("without a model: cannot read models/missing"),
        "{said}"
    );
}

#[test]
fn the_example_of_a_search_finds_and_reads_the_nearest() {
    let (_gpu, _turn) = common::gpu();
    let said = succeed(&mut program("examples/c/search.c", Linking::Shared));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with("the pull of the moon."), "{said}");
    for (start, count) in [("near ", 3), ("read ", 3), ("the model takes ", 1)] {
        let there = lines.iter().filter(|line| line.starts_with(start));
        assert_eq!(there.count(), count, "{start}: {said}");
    }
}

#[test]
fn the_example_of_tasks_shows_labels_entities_and_answers() {
    let (_gpu, _turn) = common::gpu();
    let said = succeed(&mut program("examples/c/tasks.c", Linking::Shared));
    for start in ["label negative: ", "entity ", "answer "] {
        let lines = said.lines();
        assert!(
            lines.filter(|line| line.starts_with(start)).count() > 0,
            "{start}: {said}"
        );
    }
}

/// Else that no program leaks would say nothing.
#[test]
fn the_leak_checker_sees_what_the_library_allocates() {
    let (_gpu, _turn) = common::gpu();
    let report = |mut program: Command| {
        let output = run(&mut program);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let forgotten = || program("tests/c_api/forgotten.c", Linking::Static);
    let handles = report(forgotten());
    assert!(
        handles.contains("wgformer_embedder_options_new"),
        "{handles}"
    );
    let mut with_model = forgotten();
    with_model.arg(MODEL);
    let threads = report(with_model);
    // Where its thread is begun: the compiler may put either into the other.
    let begins = ["spawn_unchecked", "gpu::polling::"];
    assert!(begins.iter().any(|it| threads.contains(it)), "{threads}");
}
