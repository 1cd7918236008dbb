//! The default model, as benchmarks verify and feed it.

use wgformer::tasks::{Embedder, cosine};
use wgformer::tensor::WeightType;

pub(crate) const MODEL: &str = "models/all-MiniLM-L6-v2";

/// Texts of exactly this many tokens: every word is one, and two are special.
pub(crate) fn texts(count: usize, tokens: usize) -> Vec<String> {
    let words = ["time", "river", "house", "green", "music", "paper", "stone"];
    let text = |first: usize| {
        (0..tokens - 2)
            .map(|word| words[(first + word * word) % 7])
            .collect::<Vec<_>>()
            .join(" ")
    };
    (0..count).map(text).collect()
}

/// Compares the embeddings of the reference texts with those of sentence-transformers.
pub(crate) fn verify(embedder: &Embedder) {
    let least_cosine = match embedder.model().plan().weight_type() {
        WeightType::F32 => 0.99999,
        WeightType::F16 => 0.9999,
        WeightType::I8 => 0.995,
        other => panic!("nothing is known of {other}"),
    };
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
        let cosine = cosine(found, expected);
        assert!(cosine >= least_cosine, "{cosine}");
    }
}
