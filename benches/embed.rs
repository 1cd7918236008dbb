//! The default model from text to vector: verified against sentence-transformers, then timed.
#![expect(
    clippy::print_stderr,
    reason = "a benchmark's report names the adapter"
)]

#[path = "common/minilm.rs"]
mod minilm;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wgformer::Gpu;
use wgformer::models::ModelOptions;
use wgformer::tasks::{Embedder, EmbedderOptions};
use wgformer::tensor::WeightType;

fn embed(criterion: &mut Criterion) {
    let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
    eprintln!("adapter: {}", gpu.capabilities());
    for weight_type in WeightType::ALL {
        let options =
            EmbedderOptions::default().model(ModelOptions::default().weight_type(weight_type));
        let embedder =
            Embedder::load_with(&gpu, minilm::MODEL, &options).expect("run `make model` first");
        minilm::verify(&embedder);
        let mut group = criterion.benchmark_group(format!("all-MiniLM-L6-v2 {weight_type}"));
        group.sample_size(10);
        for (count, tokens) in [(8, 128), (1, 16)] {
            let texts = minilm::texts(count, tokens);
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
