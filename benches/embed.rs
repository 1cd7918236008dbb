//! The default model from text to vector: verified against sentence-transformers, then timed.
#![expect(
    clippy::print_stderr,
    reason = "a benchmark's report names the adapter"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wgformer::Gpu;
use wgformer::tasks::{Embedder, EmbedderOptions, cosine};
use wgformer::tensor::WeightType;

const MODEL: &str = "models/all-MiniLM-L6-v2";

/// Texts of exactly this many tokens: every word is one, and two are special.
fn texts(count: usize, tokens: usize) -> Vec<String> {
    let words = ["time", "river", "house", "green", "music", "paper", "stone"];
    let text = |first: usize| {
        (0..tokens - 2)
            .map(|word| words[(first + word * word) % 7])
            .collect::<Vec<_>>()
            .join(" ")
    };
    (0..count).map(text).collect()
}

fn verify(embedder: &Embedder, least_cosine: f32) {
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read("tests/data/all-MiniLM-L6-v2.json").unwrap())
            .unwrap();
    let reference: Vec<String> = serde_json::from_value(json["texts"].clone()).unwrap();
    let bytes = std::fs::read("tests/data/all-MiniLM-L6-v2.safetensors").unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let expected: Vec<f32> =
        bytemuck::pod_collect_to_vec(file.tensor("embeddings").unwrap().data());
    let found = embedder.embed(&reference).unwrap();
    assert_eq!(found.len() * embedder.dimensions(), expected.len());
    for (found, expected) in found.iter().zip(expected.chunks(embedder.dimensions())) {
        assert!(cosine(found, expected) >= least_cosine);
    }
}

fn embed(criterion: &mut Criterion) {
    let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
    eprintln!("adapter: {}", gpu.capabilities());
    for (dtype, least_cosine) in [
        (WeightType::F32, 0.99999),
        (WeightType::F16, 0.9999),
        (WeightType::I8, 0.995),
    ] {
        let mut options = EmbedderOptions::default();
        options.model.weight_type = dtype;
        let embedder = Embedder::load_with(&gpu, MODEL, &options).expect("run `make model` first");
        verify(&embedder, least_cosine);
        let mut group = criterion.benchmark_group(format!("all-MiniLM-L6-v2 {dtype}"));
        group.sample_size(10);
        for (count, tokens) in [(8, 128), (1, 16)] {
            let texts = texts(count, tokens);
            assert!(
                embedder
                    .embeddings(&texts)
                    .unwrap()
                    .iter()
                    .all(|embedding| embedding.tokens == tokens)
            );
            group.throughput(Throughput::Elements((count * tokens) as u64));
            group.bench_function(format!("{count} x {tokens} tokens"), |bencher| {
                bencher.iter(|| embedder.embed(&texts).unwrap());
            });
        }
    }
}

criterion_group!(benches, embed);
criterion_main!(benches);
