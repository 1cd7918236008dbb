//! What is given to C of vectors and of what is done with them, against what is given to Rust.

use std::path::Path;

use wgformer::index::{IndexOptions, Metric};
use wgformer::models::ModelOptions;
use wgformer::ops::Pooling;
use wgformer::plan::Plan;
use wgformer::tasks::{
    Embedder, EmbedderOptions, Embedding, LateInteraction, Ranked, Side, SparseEmbedder, to_int8,
    to_ubinary,
};
use wgformer::tensor::WeightType;
use wgformer::{Gpu, Index};

use crate::common;
use crate::library::{Linking, program, scratch, succeed};
use crate::lines::{bits, memory, ready};

const EMBEDDER: &str = "tests/data/tasks/prompts";
const SPLADE: &str = "tests/data/retrieval/inference-free";
const BGE_M3: &str = "tests/data/retrieval/bge-m3";
const COLBERT: &str = "tests/data/retrieval/colbert";

const TEXTS: [&str; 4] = [
    "Where did the cat sit?",
    "",
    "Zoë ate 3 crêpes in 東京 😀, and slept.",
    "The cat sat on the mat, and the dog slept; Zoë saw that snow fell all night, and no bird sang. \
     The cat saw it too, and sat on the mat: no, the cat slept.",
];

#[test]
fn every_function_for_vectors_keeps_its_word() {
    let (_gpu, _turn) = common::gpu();
    succeed(
        program("tests/c_api/retrieval_contract.c", Linking::Static)
            .args(["tests/data/tiny/plain", EMBEDDER, SPLADE, COLBERT])
            .arg(scratch().join("contract.safetensors")),
    );
}

#[test]
fn vectors_and_what_is_found_by_them_are_those_of_rust_to_the_bit_whatever_the_options() {
    let (gpu, _turn) = common::gpu();
    let file = scratch().join("vectors.safetensors");
    let found = succeed(
        program("tests/c_api/retrieval.c", Linking::Shared)
            .args([EMBEDDER, SPLADE, BGE_M3, COLBERT])
            .arg(&file)
            .args(TEXTS),
    );
    let expected = [
        embedded(&gpu, &file),
        sparse(&gpu, SPLADE, true),
        sparse(&gpu, BGE_M3, false),
        compared(&gpu, BGE_M3),
        compared(&gpu, COLBERT),
    ];
    let expected = expected.concat();
    let found: Vec<&str> = found.lines().collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn joined(values: &[f32]) -> String {
    values.iter().copied().map(bits).collect()
}

fn listed(kind: &str, embeddings: &[Embedding]) -> Vec<String> {
    let line = |it: &Embedding| {
        let (cut, values) = (u8::from(it.is_cut), joined(&it.values));
        format!("{kind} {} {cut} {values}", it.tokens)
    };
    embeddings.iter().map(line).collect()
}

fn embeddings(kind: &str, embedder: &Embedder) -> Vec<String> {
    listed(kind, &embedder.embeddings(TEXTS).unwrap())
}

fn embedded(gpu: &Gpu, file: &Path) -> Vec<String> {
    let embedder = Embedder::load(gpu, EMBEDDER).unwrap();
    let mut lines = vec!["metric 0".to_owned()];
    assert_eq!(embedder.metric().unwrap(), Metric::Cosine);
    let model = embedder.model();
    lines.extend(ready("embedder", || model.memory(), || model.warm_up()));
    let budget = model.memory().total();
    lines.extend(prompted(&embedder));
    let long = embedder.passages(TEXTS[3], 3).unwrap();
    assert!(long.len() > 1);
    lines.extend(
        long.iter()
            .map(|it| format!("passage {}-{} {}", it.start, it.end, it.text)),
    );
    let vectors = embedder.embed(TEXTS).unwrap();
    let numbers = |numbers: Vec<String>| numbers.join(" ");
    let int8 = vectors.iter().flat_map(|it| to_int8(it));
    lines.push(format!(
        "int8 {}",
        numbers(int8.map(|it| it.to_string()).collect())
    ));
    let ubinary = vectors.iter().flat_map(|it| to_ubinary(it));
    lines.push(format!(
        "ubinary {}",
        numbers(ubinary.map(|it| it.to_string()).collect())
    ));
    lines.extend(searched(gpu, &vectors, file));
    lines.extend(with_each_option(gpu));
    let within = ModelOptions::default().memory_budget(budget);
    let within = EmbedderOptions::default().model(within);
    let within = Embedder::load_with(gpu, EMBEDDER, &within).unwrap();
    lines.extend(embeddings("within", &within));
    lines
}

fn prompted(embedder: &Embedder) -> Vec<String> {
    let prompts = embedder.prompts().iter();
    let mut lines: Vec<String> = prompts
        .map(|(name, text)| format!("prompt {name} {text}"))
        .collect();
    assert_eq!(lines.len(), 2);
    let query = embedder.with_prompt("query").unwrap();
    let [queries, documents] = [embedder.for_queries(), query.for_documents()];
    for embedder in [&query, &queries.unwrap(), &documents.unwrap()] {
        lines.extend(embeddings("prompted", embedder));
    }
    lines
}

fn with_each_option(gpu: &Gpu) -> Vec<String> {
    let steps: [fn(EmbedderOptions) -> EmbedderOptions; 7] = [
        |it| it.prompt("query"),
        |it| it.pooling(Pooling::MeanSqrtLen).normalize(false),
        |it| it.pooling(Pooling::WeightedMean),
        |it| it.normalize(true),
        |it| it.dimensions(8),
        |it| it.per_token(true),
        |it| it.model(ModelOptions::default().memory_budget(64 << 20)),
    ];
    let mut all = vec![EmbedderOptions::default()];
    for step in steps {
        all.push(step(all[all.len() - 1].clone()));
    }
    let written = |options: EmbedderOptions| {
        let embedder = Embedder::load_with(gpu, EMBEDDER, &options).unwrap();
        embeddings("option", &embedder)
    };
    let lines: Vec<Vec<String>> = all.into_iter().map(written).collect();
    let same = lines[..7].windows(2).position(|pair| pair[0] == pair[1]);
    assert_eq!(same, None, "an option that changes nothing");
    lines.concat()
}

fn searched(gpu: &Gpu, vectors: &[Vec<f32>], file: &Path) -> Vec<String> {
    let dtypes = [WeightType::F32, WeightType::F16, WeightType::I8];
    let with = |dtype| {
        IndexOptions::default()
            .weight_type(dtype)
            .metric(Metric::DotProduct)
            .memory_budget(16 << 20)
    };
    let mut all = vec![IndexOptions::default()];
    all.extend(dtypes.map(with));
    let written = |options| searched_with(gpu, vectors, file, &options);
    all.into_iter().flat_map(written).collect()
}

fn searched_with(
    gpu: &Gpu,
    vectors: &[Vec<f32>],
    file: &Path,
    options: &IndexOptions,
) -> Vec<String> {
    let dimensions = vectors[0].len();
    let needed = Index::memory_needed(gpu, dimensions, vectors.len(), 3, options).unwrap();
    let mut index = Index::new(gpu, dimensions, options).unwrap();
    index.add(vectors).unwrap();
    index.upload().unwrap();
    let mut lines = vec![
        memory("needed", &needed),
        memory("uploaded", &index.memory()),
    ];
    lines.extend(hits(&index, vectors));
    index.save(file).unwrap();
    let recovered = index.recover(&Gpu::new().unwrap()).unwrap();
    lines.extend(hits(&recovered, vectors));
    lines.extend(hits(&Index::load(gpu, file, options).unwrap(), vectors));
    lines
}

fn hits(index: &Index, queries: &[Vec<f32>]) -> Vec<String> {
    let metric = match index.metric() {
        Metric::DotProduct => 1,
        _ => 0,
    };
    let found = index.search(queries, 3).unwrap();
    let mut lines = vec![format!(
        "index {} {} {metric}",
        index.len(),
        index.dimensions()
    )];
    for (query, hits) in found.iter().enumerate() {
        let hits = hits.iter();
        lines.extend(hits.map(|hit| format!("hit {query} {} {}", hit.index, bits(hit.score))));
    }
    lines.push(memory("index", &index.memory()));
    lines
}

fn sparse(gpu: &Gpu, model: &str, has_prompts: bool) -> Vec<String> {
    let options = ModelOptions::default().memory_budget(64 << 20);
    let embedder = SparseEmbedder::load(gpu, model, &options).unwrap();
    let warm_up = || embedder.plans().into_iter().try_for_each(Plan::warm_up);
    let mut lines = ready("sparse_embedder", || embedder.memory(), warm_up);
    lines.extend(weights(&embedder));
    if has_prompts {
        lines.extend(weights(&embedder.with_prompt("query").unwrap()));
    }
    lines
}

fn weights(embedder: &SparseEmbedder) -> Vec<String> {
    let embeddings = embedder.embed(TEXTS).unwrap().into_iter();
    let line = embeddings.map(|embedding| {
        let weights = embedding.weights.iter().map(|it| {
            let entry = embedder.token(it.id).unwrap_or_default();
            format!(" {}:{}:{entry}", it.id, bits(it.weight))
        });
        let (cut, weights) = (u8::from(embedding.is_cut), weights.collect::<String>());
        format!("sparse {} {cut}{weights}", embedding.tokens)
    });
    line.collect()
}

fn compared(gpu: &Gpu, model: &str) -> Vec<String> {
    let late = LateInteraction::load(gpu, model, &ModelOptions::default()).unwrap();
    let warm_up = || late.warm_up();
    let mut lines = ready("late_interaction", || late.memory(), warm_up);
    let queries = late.embed(Side::Query, &TEXTS).unwrap();
    let documents = late.embed(Side::Document, &TEXTS).unwrap();
    lines.extend(listed("query", &queries));
    lines.extend(listed("document", &documents));
    let mut scores = vec![0.0; TEXTS.len()];
    for Ranked { index, score, .. } in late.rank(TEXTS[0], &TEXTS).unwrap() {
        scores[index] = score;
    }
    lines.push(format!("scores {}", joined(&scores)));
    let of_vectors = late.scores(&queries[1], &documents).unwrap();
    lines.push(format!("scores {}", joined(&of_vectors)));
    lines
}
