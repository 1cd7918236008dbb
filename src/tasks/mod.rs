//! What a user asks for: a file each, on the model with its tokenizer of `text_model.rs`.
//!
//! A new task is a file here and a row of [`TASKS`]; what it does with long texts in `long_texts.rs`, its stream in
//! `stream/`, its subcommand in `src/bin/wgformer/`, its functions for C in `src/c_api/`, what it takes on the device in
//! `tests/task_memory.rs`.

mod aggregation;
mod answer;
mod attention;
mod batching;
mod characters;
mod classify;
mod cosine;
mod embed;
mod fill;
mod fit;
mod found_answers;
mod late_interaction;
mod long_texts;
mod max_sim;
mod overlap;
mod passages;
mod precision;
mod rerank;
mod spans;
mod sparse;
mod static_queries;
#[cfg(not(target_arch = "wasm32"))] // a browser has no threads to share a device with
mod stream;
mod summarize;
mod tag;
mod tag_scheme;
mod text_model;
mod token_form;
mod windows;
mod zero_shot;

pub use aggregation::Aggregation;
pub use answer::{Answer, AnswerOptions, Answerer};
pub use attention::{AttentionReader, AttentionToken, AttentionWeights};
pub use classify::{Classifier, Label};
pub use cosine::cosine;
pub use embed::{Embedder, EmbedderOptions, Embedding};
pub use fill::{Filler, Filling};
pub use fit::{FitOptions, FittedClassifier};
pub use late_interaction::{LateInteraction, Side};
pub use passages::Passage;
pub use precision::{to_int8, to_ubinary};
pub use rerank::{Ranked, Reranker};
pub use sparse::{SparseEmbedder, SparseEmbedding, TokenWeight};
#[cfg(not(target_arch = "wasm32"))]
pub use stream::{Classification, Filled, Stream, StreamOptions, Tagging};
pub use summarize::Sentence;
pub use tag::{Entity, TagOptions, Tagger};
pub use zero_shot::{ZeroShot, ZeroShotOptions};

/// What a user can ask for.
///
/// ```
/// for task in wgformer::tasks::TASKS {
///     println!("{}: `wgformer {}`, {}", task.name, task.command, task.head);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// What it is.
    pub name: &'static str,
    /// The subcommand of the command line.
    pub command: &'static str,
    /// The type of this library.
    pub library: &'static str,
    /// The class of transformers, or of sentence-transformers, that such checkpoints are of.
    pub head: &'static str,
}

/// Every task.
pub static TASKS: &[Task] = &[
    Task {
        name: "embeddings",
        command: "embed",
        library: "Embedder",
        head: "AutoModel, SentenceTransformer",
    },
    Task {
        name: "sparse embeddings",
        command: "embed --sparse",
        library: "SparseEmbedder",
        head: "AutoModelForMaskedLM, SparseEncoder, BGE-M3",
    },
    Task {
        name: "semantic search",
        command: "search",
        library: "Index",
        head: "AutoModel, SentenceTransformer",
    },
    Task {
        name: "reranking",
        command: "rerank",
        library: "Reranker",
        head: "AutoModelForSequenceClassification, CrossEncoder",
    },
    Task {
        name: "late interaction",
        command: "embed --multi, rerank --late",
        library: "LateInteraction",
        head: "MultiVectorEncoder, PyLate, ColBERT, BGE-M3",
    },
    Task {
        name: "classification, sentiment",
        command: "classify",
        library: "Classifier",
        head: "AutoModelForSequenceClassification",
    },
    Task {
        name: "labels of one's own, from examples",
        command: "fit, classify",
        library: "Embedder::fit, Classifier",
        head: "AutoModel, SentenceTransformer",
    },
    Task {
        name: "any labels",
        command: "classify --labels",
        library: "ZeroShot",
        head: "AutoModelForSequenceClassification, for inference",
    },
    Task {
        name: "entities and token tags",
        command: "tag",
        library: "Tagger",
        head: "AutoModelForTokenClassification",
    },
    Task {
        name: "question answering",
        command: "answer",
        library: "Answerer",
        head: "AutoModelForQuestionAnswering",
    },
    Task {
        name: "extractive summary",
        command: "summarize",
        library: "Embedder::summarize",
        head: "AutoModel, SentenceTransformer",
    },
    Task {
        name: "masked words",
        command: "fill",
        library: "Filler",
        head: "AutoModelForMaskedLM",
    },
    Task {
        name: "tokens at every position, by ids",
        command: "forward",
        library: "MaskedLm",
        head: "AutoModelForMaskedLM, a program of PyTorch's",
    },
    Task {
        name: "attention weights",
        command: "attention",
        library: "AttentionReader",
        head: "AutoModel",
    },
];
