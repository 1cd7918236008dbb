//! A Hugging Face directory -> a graph and its weights. One file per architecture, all built from the same few blocks.
//!
//! Built on the crate's public graph API alone: this module is its first user.

mod albert;
mod attention_layer;
mod batch;
mod bert;
mod blocks;
pub(crate) mod bounded_file;
mod builder;
mod checkpoint;
mod classifier_folder;
mod config;
mod deberta_v2;
mod derived;
mod distilbert;
mod electra;
mod encoder;
mod gte;
mod heads;
mod jina_bert;
mod jina_v3;
pub(crate) mod json;
mod mapped;
mod masked_lm;
mod masked_lm_head;
mod model;
mod model_options;
mod model_source;
mod modernbert;
mod mpnet;
mod multi_vector;
mod network;
mod nomic_bert;
mod pickle;
mod positions;
mod projection;
mod roberta;
mod router;
mod safetensors_file;
mod score_function;
mod sentence_transformers;
mod sparse;
mod static_weights;
mod synthetic;
mod table_product;
mod torch_encoder;
mod torch_file;
mod transformer_module;
mod zip;

pub use attention_layer::AttentionLayer;
pub use batch::Batch;
pub use builder::Builder;
pub use checkpoint::Checkpoint;
pub use classifier_folder::{ClassifierFolder, ClassifierLayer};
pub use config::Config;
pub use encoder::Encoder;
pub use masked_lm::MaskedLm;
pub use model::Model;
pub use model_options::ModelOptions;
pub use multi_vector::{MultiVector, TokenForm};
pub use network::{Head, Network};
pub use projection::{Dense, Projection};
pub(crate) use safetensors_file::SafetensorsFile;
pub use score_function::ScoreFunction;
pub use sentence_transformers::{Output, SentenceTransformer};
pub use sparse::{SparseHead, Splade};
pub use static_weights::StaticWeights;
#[cfg(feature = "text")] // for summaries
pub(crate) use table_product::dot;

use crate::error::{Error, Result};
use heads::Heads;

/// One architecture: the name that `config.json` calls it by, and how to build it.
///
/// ```
/// use wgformer::models::{Builder, Checkpoint, Config, Encoder, Family};
///
/// # let folder = std::path::Path::new("tests/data/tiny/plain");
/// let config = Config::read(&folder.join("config.json"))?;
/// let checkpoint = Checkpoint::open(folder)?;
/// let mut builder = Builder::new(&checkpoint);
/// let encoder: Encoder = (Family::of(&config)?.build)(&config, &mut builder)?;
/// println!("{} columns, {} tokens at most", encoder.hidden, encoder.max_tokens);
/// println!("{}", builder.graph);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Debug)]
pub struct Family {
    /// `model_type` in `config.json`.
    pub model_type: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Builds the encoder that the configuration describes, checking every weight it names.
    pub build: fn(&Config, &mut Builder<'_>) -> Result<Encoder>,
    /// Those of [`Family::HEADS`] that it has, each checked by `tests/heads.rs`.
    pub heads: &'static [&'static str],
    build_heads: fn(&Config) -> Result<Heads>,
}

/// Every architecture; adding one is a file beside this and a line here.
pub static FAMILIES: &[Family] = &[
    Family::new("albert", "ALBERT", albert::build, albert::heads),
    Family::new("bert", "BERT, MiniLM", bert::build, bert::heads),
    Family::new("camembert", "CamemBERT", roberta::build, roberta::heads),
    Family::new(
        "deberta-v2",
        "DeBERTa v2, v3",
        deberta_v2::build,
        deberta_v2::heads,
    ),
    Family::new(
        "distilbert",
        "DistilBERT",
        distilbert::build,
        distilbert::heads,
    ),
    Family::new("electra", "ELECTRA", electra::build, electra::heads),
    Family::new("gte", "GTE, as transformers has it", gte::build, gte::heads).without_answers(),
    Family::new(
        "jina_bert",
        "JinaBERT v2",
        jina_bert::build,
        jina_bert::heads,
    ),
    Family::new(
        "jina_embeddings_v3",
        "Jina embeddings v3",
        jina_v3::build,
        jina_v3::heads,
    ),
    Family::new(
        "modernbert",
        "ModernBERT",
        modernbert::build,
        modernbert::heads,
    ),
    Family::new("mpnet", "MPNet", mpnet::build, mpnet::heads),
    Family::new("new", "GTE, as the hub has it", gte::build, gte::heads).without_answers(),
    Family::new(
        "nomic_bert",
        "NomicBERT",
        nomic_bert::build,
        nomic_bert::heads,
    )
    .without_answers(),
    Family::new("roberta", "RoBERTa", roberta::build, roberta::heads),
    Family::new(
        "torch_transformer_encoder",
        "PyTorch's `nn.TransformerEncoderLayer`",
        torch_encoder::build,
        torch_encoder::heads,
    )
    .with_tokens_alone(),
    Family::new("xlm-roberta", "XLM-RoBERTa", roberta::build, roberta::heads),
];

impl Family {
    /// The heads that there are, by the ends of transformers' classes, such as `BertForMaskedLM`.
    ///
    /// ```
    /// use wgformer::models::{FAMILIES, Family};
    ///
    /// for family in FAMILIES {
    ///     assert!(family.heads.iter().all(|head| Family::HEADS.contains(head)));
    ///     println!("{}: {}", family.name, family.heads.join(", "));
    /// }
    /// ```
    pub const HEADS: [&'static str; 4] = [
        "MaskedLM",
        "SequenceClassification",
        "TokenClassification",
        "QuestionAnswering",
    ];

    const fn new(
        model_type: &'static str,
        name: &'static str,
        build: fn(&Config, &mut Builder<'_>) -> Result<Encoder>,
        build_heads: fn(&Config) -> Result<Heads>,
    ) -> Self {
        Self {
            model_type,
            name,
            build,
            heads: &Self::HEADS,
            build_heads,
        }
    }

    /// Where transformers has no class for question answering to check against.
    const fn without_answers(self) -> Self {
        let (heads, _) = Self::HEADS.as_slice().split_at(3);
        Self { heads, ..self }
    }

    /// Where there is no other head than the one that predicts tokens.
    const fn with_tokens_alone(self) -> Self {
        let (heads, _) = Self::HEADS.as_slice().split_at(1);
        Self { heads, ..self }
    }

    /// The family that a configuration names.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is none, listing those there are.
    pub fn of(config: &Config) -> Result<&'static Self> {
        let mut found = config.string("model_type")?;
        // JinaBERT v2 goes by the name of BERT.
        let position = config.peek("position_embedding_type");
        if found == "bert" && position.is_some_and(|it| it == "alibi") {
            "jina_bert".clone_into(&mut found);
        }
        FAMILIES
            .iter()
            .find(|family| family.model_type == found)
            .ok_or_else(|| {
                let supported = FAMILIES
                    .iter()
                    .map(|family| family.model_type)
                    .collect::<Vec<_>>()
                    .join(", ");
                Error::Unsupported {
                    path: config.path().to_owned(),
                    what: "model_type",
                    found,
                    supported,
                }
            })
    }
}
