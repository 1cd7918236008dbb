//! Directories as sentence-transformers saves them, from text to vector, against its own `encode`, whose outputs
//! `tests/data/tiny_models.py` wrote: the tokenizer, the longest text, pooling and normalisation are the directory's.

mod common;
#[path = "common/expected.rs"]
mod expected;
#[path = "common/tiny_models.rs"]
mod tiny_models;

use std::path::Path;

use wgformer::tasks::Embedder;

#[test]
fn embeddings_agree_with_sentence_transformers() {
    let (gpu, _turn) = common::gpu();
    let mut checked = 0;
    for directory in tiny_models::directories() {
        if !directory.join("modules.json").exists() {
            continue;
        }
        let embedder = Embedder::load(&gpu, &directory).unwrap();
        let found = embedder.embed(&texts(&directory)).unwrap().concat();
        let expected = &expected::read(&directory.join("expected.safetensors"))["embeddings"];
        let difference = expected::max_difference(&found, expected.f32());
        let name = directory.display();
        assert!(difference <= tiny_models::BOUND, "{name}: {difference}");
        checked += 1;
    }
    assert!(checked > 0);
}

fn texts(directory: &Path) -> Vec<String> {
    let json = std::fs::read(directory.join("texts.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}
