//! What of a model's folder runs: what gives its vectors, and the heads that it was saved with.

use std::path::{Path, PathBuf};

use anyhow::Result;
use wgformer::models::{
    Config, Family, Head, MaskedLm, ModelOptions, MultiVector, Network, Output, Projection,
    SentenceTransformer, SparseHead,
};
use wgformer::tensor::WeightType;
use wgformer::{Error, Gpu};

/// One of a folder's networks.
pub(crate) struct Named {
    /// The subcommand that runs it.
    pub(crate) command: &'static str,
    pub(crate) network: Network,
    /// `None`: the head that predicts tokens, which runs for chosen places alone; of a vocabulary in parts the first, which
    /// the others are like.
    pub(crate) head: Option<Head>,
}

/// By the ends of the names of transformers' classes.
const HEADS: [(&str, &str, Option<Head>); 5] = [
    (
        "ForSequenceClassification",
        "classify",
        Some(Head::SequenceClassification),
    ),
    (
        "ForTokenClassification",
        "tag",
        Some(Head::TokenClassification),
    ),
    (
        "ForQuestionAnswering",
        "answer",
        Some(Head::QuestionAnswering),
    ),
    ("ForMaskedLM", "fill", None),
    ("ForPreTraining", "fill", None),
];

/// The folder with weights, and the networks that it has weights for, as they run here with weights of this type.
pub(crate) fn networks(
    directory: &Path,
    gpu: &Gpu,
    weight_type: WeightType,
) -> Result<(PathBuf, Vec<Named>)> {
    let own = SentenceTransformer::read(directory)?;
    let folder = own.transformer.clone();
    let mut heads = of_vectors(directory, &own)?;
    let config = Config::read(&folder.join("config.json"))?;
    let (family, classes) = (Family::of(&config)?, config.architectures());
    for (class, command, head) in HEADS {
        if classes.iter().any(|it| it.ends_with(class)) {
            heads.push((command, head));
        }
    }
    // Of no class that could be named.
    if family.heads == ["MaskedLM"] {
        heads.push(("forward", None));
    }
    let options = ModelOptions::default().weight_type(weight_type);
    let mut networks = Vec::new();
    for (command, head) in heads {
        let network = match &head {
            Some(head) => Network::open(&folder, head.clone()),
            None => MaskedLm::parts(gpu, &folder, &options).map(|mut parts| parts.swap_remove(0)),
        };
        match network {
            Ok(network) => networks.push(Named {
                command,
                network,
                head,
            }),
            // Models of embeddings often keep the name of the class that they were pre-trained as.
            Err(error @ Error::HeadMissing { .. }) => log::info!("{error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((folder, networks))
}

/// What gives vectors of texts, of their tokens, and weights of these.
fn of_vectors(
    directory: &Path,
    own: &SentenceTransformer,
) -> Result<Vec<(&'static str, Option<Head>)>> {
    let mut heads = Vec::new();
    let of_texts = match own.output {
        Output::Vector => Some("embed"),
        Output::Logits => Some("classify"),
        _ => None,
    };
    if let Some(command) = of_texts {
        heads.push((command, Some(own.head(own.pooling, own.normalize))));
    }
    if let Some(multi_vector) = there(MultiVector::of(directory, own))? {
        heads.push(("embed --multi", Some(multi_vector.head())));
    }
    match there(SparseHead::of(directory, own))? {
        Some(SparseHead::Lexical(dense)) => {
            let head = Head::ProjectedTokens {
                projections: vec![Projection::Dense(dense)],
                expanded: false,
            };
            heads.push(("embed --sparse", Some(head)));
        }
        // Its head is that of its class, which predicts tokens.
        Some(SparseHead::Splade(_)) => heads.push(("embed --sparse", Some(Head::HiddenStates))),
        _ => {}
    }
    Ok(heads)
}

/// `None` where a folder has no such head.
fn there<T>(head: wgformer::Result<T>) -> Result<Option<T>> {
    match head {
        Ok(head) => Ok(Some(head)),
        Err(Error::Unsupported { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
