//! What of a model's folder runs: what gives its embeddings, and the heads that it was saved with.

use std::path::{Path, PathBuf};

use anyhow::Result;
use wgformer::Error;
use wgformer::models::{Config, Head, Network, SentenceTransformer};

/// One of a folder's networks.
pub(crate) struct Named {
    /// The subcommand that runs it.
    pub(crate) command: &'static str,
    pub(crate) network: Network,
    /// `None`: the head that predicts tokens, which runs for chosen places alone.
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

/// The folder with weights, and the networks that it has weights for.
pub(crate) fn networks(directory: &Path) -> Result<(PathBuf, Vec<Named>)> {
    let own = SentenceTransformer::read(directory)?;
    let (pooling, normalize) = (own.pooling, own.normalize);
    let folder = own.transformer;
    let pooled = Head::Pooled { pooling, normalize };
    let mut networks = vec![Named {
        command: "embed",
        network: Network::open(&folder, pooled)?,
        head: Some(pooled),
    }];
    let classes = Config::read(&folder.join("config.json"))?.architectures();
    for (class, command, head) in HEADS {
        if !classes.iter().any(|it| it.ends_with(class)) {
            continue;
        }
        let network = match head {
            Some(head) => Network::open(&folder, head),
            None => Network::open_masked_lm(&folder),
        };
        match network {
            Ok(network) => networks.push(Named {
                command,
                network,
                head,
            }),
            // Models of embeddings often keep the name of the class that they were pre-trained as.
            Err(error @ Error::HeadMissing { .. }) => log::warn!("{error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((folder, networks))
}
