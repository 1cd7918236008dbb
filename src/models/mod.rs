//! A Hugging Face directory -> a graph and its weights. One file per architecture, all built from the same few blocks.
//!
//! Built on the crate's public graph API alone: this module is its first user.

mod batch;
mod bert;
mod blocks;
mod builder;
mod checkpoint;
mod config;
mod json;
mod model;
mod sentence_transformers;

pub use batch::Batch;
pub use blocks::Encoder;
pub use builder::Builder;
pub use checkpoint::Checkpoint;
pub(crate) use checkpoint::Shard;
pub use config::Config;
pub use model::{Head, Model, ModelOptions};
pub use sentence_transformers::SentenceTransformer;

use crate::error::{Error, Result};

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
    /// Builds the encoder that the configuration describes, checking every weight it names.
    pub build: fn(&Config, &mut Builder<'_>) -> Result<Encoder>,
}

/// Every architecture; adding one is a file beside this and a line here.
pub static FAMILIES: &[Family] = &[Family {
    model_type: "bert",
    build: bert::build,
}];

impl Family {
    /// The family that a configuration names.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is none, listing those there are.
    pub fn of(config: &Config) -> Result<&'static Self> {
        let found = config.string("model_type")?;
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
