//! A model of PyTorch's own parts: `nn.Embedding`, some `nn.TransformerEncoderLayer`, and `nn.Linear` to the vocabulary.
//!
//! There is no class of PyTorch's for such a model, so its configuration is this crate's: the layers' own arguments, by
//! PyTorch's names and with its defaults, and what a program does around them. Its tensors have the names that
//! `state_dict()` gives them.

use serde_json::json;

use super::blocks::{
    Attending, EmbeddingNames, FeedForwardNames, LayerNames, LayerSizes, NormNames,
    embeddings_from, norm, post_norm_layers, pre_norm_layer,
};
use super::builder::LinearNames;
use super::heads::{Heads, MaskedLmNames};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::{Activation, Qkv};

/// What PyTorch's modules have for training and for speed.
const HARMLESS: &[&str] = &["dropout", "enable_nested_tensor", "mask_check"];

/// What a program that holds the modules, `nn.DataParallel` or `torch.compile` puts before every name.
const PREFIXES: &[&str] = &["model.", "module.", "_orig_mod."];

/// What the layers' numbers may stand behind: a list of layers or an `nn.TransformerEncoder`, alone or as an attribute.
const STEMS: [&str; 5] = [
    "transformer_layers.",
    "layers.",
    "transformer_encoder.layers.",
    "encoder.layers.",
    "transformer.layers.",
];

/// The longest sequence where nothing says: without a table of positions there is no end to them, and so many are in the
/// table of the `PositionalEncoding` in PyTorch's tutorials.
const MAX_LENGTH: usize = 5000;

const EMBEDDING: &str = "embedding.weight";
const POSITIONAL: &str = "positional.weight";
/// No tensor of a checkpoint.
const SINUSOIDAL: &str = "sinusoidal";

/// The encoder; what a checkpoint may put before its names is found by the first layer.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    let sizes = LayerSizes {
        hidden: config.required_size("d_model")?,
        heads: config.required_size("nhead")?,
        intermediate: config.size("dim_feedforward", 2048)?,
        eps: config.positive("layer_norm_eps", 1e-5)?,
        activation: activation(config)?,
    };
    let vocabulary = config.required_size("vocab_size")?;
    let layers = config.required_size("num_layers")?;
    let norm_first = config.boolean("norm_first", false)?;
    let bias = config.boolean("bias", true)?;
    let causal = config.boolean("causal", false)?;
    let scale = config.boolean("scale_embedding", false)?;
    // How a program lays out a batch, which is packed here: a sequence is a sequence either way.
    config.boolean("batch_first", false)?;
    let positional = Positional::of(config)?;
    config.refuse_unknown(HARMLESS)?;
    sizes.head_dim(config)?;

    builder.set_prefixes(PREFIXES);
    let stem = stem(config, builder)?;
    let max_length = positional.max_length(config, builder)?;
    let names = EmbeddingNames {
        word: EMBEDDING,
        position: positional.table().map(|table| (table, max_length)),
        token_type: None,
        norm: None,
    };
    let columns = sizes.hidden;
    let by = (columns as f32).sqrt();
    let table = |builder: &mut Builder<'_>, name: &str, rows| match name {
        EMBEDDING if scale => builder.scaled(name, [rows, columns], by),
        SINUSOIDAL => Ok(builder.sinusoidal([rows, columns])),
        _ => builder.parameter(name, [rows, columns]),
    };
    let mut x = embeddings_from(builder, &names, vocabulary, columns, sizes.eps, table)?;
    let segment_offsets = builder.graph.segment_offsets();
    let attending = Attending {
        causal,
        ..Attending::everywhere(segment_offsets)
    };
    let names = (0..layers).map(|layer| layer_names(stem, layer, columns, bias));
    if norm_first {
        for names in names {
            x = pre_norm_layer(builder, x, attending, &names, &sizes)?;
        }
    } else {
        x = post_norm_layers(builder, x, attending, names, &sizes)?;
    }
    if let Some(names) = final_norm(stem, builder) {
        x = norm(builder, x, &names, columns, sizes.eps)?;
    }
    Ok(Encoder {
        reads_types: false,
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_length)
    })
}

/// Its only head, a linear layer with a bias or without.
pub(super) fn heads(_config: &Config) -> Result<Heads> {
    Ok(Heads::of_bert(MaskedLmNames {
        transform: None,
        decoder: "linear",
        embeddings: None,
        bias: Some("linear.bias"),
    }))
}

/// Those that the layers know by name.
fn activation(config: &Config) -> Result<Activation> {
    config.expect("activation", &[json!("relu"), json!("gelu")])?;
    config.activation("activation", "relu")
}

/// How a token's place gets into its embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Positional {
    None,
    Sinusoidal,
    Learned,
}

impl Positional {
    fn of(config: &Config) -> Result<Self> {
        let ways = [
            ("none", Self::None),
            ("sinusoidal", Self::Sinusoidal),
            ("learned", Self::Learned),
        ];
        config.expect("positional", &ways.map(|(name, _)| json!(name)))?;
        let found = config.value("positional");
        let found = ways
            .into_iter()
            .find(|(name, _)| found.is_some_and(|it| it == name));
        Ok(found.map_or(Self::None, |(_, way)| way))
    }

    /// The name of the table that is added.
    fn table(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Sinusoidal => Some(SINUSOIDAL),
            Self::Learned => Some(POSITIONAL),
        }
    }

    /// The longest sequence: what the configuration says, or as many rows as a learned table has.
    fn max_length(self, config: &Config, builder: &Builder<'_>) -> Result<usize> {
        let rows = match self {
            Self::Learned => builder.count_rows(POSITIONAL),
            Self::None | Self::Sinusoidal => None,
        };
        config.size("max_length", rows.unwrap_or(MAX_LENGTH))
    }
}

/// What is before the layers' numbers in this checkpoint; the first of [`STEMS`] if there is no layer at all.
///
/// # Errors
/// [`crate::Error::Malformed`] if that could be several.
fn stem(config: &Config, builder: &Builder<'_>) -> Result<&'static str> {
    let is_there = |stem: &&&str| builder.has(&format!("{stem}0.linear1.weight"));
    let found: Vec<&str> = STEMS.iter().filter(is_there).copied().collect();
    match found[..] {
        [] => Ok(STEMS[0]),
        [stem] => Ok(stem),
        _ => Err(config.malformed(format!(
            "the layers could be any of {}: leave one in the checkpoint",
            found.join("0, ") + "0"
        ))),
    }
}

/// Beside an `nn.TransformerEncoder`'s layers, or a list of them.
fn final_norm(stem: &str, builder: &Builder<'_>) -> Option<NormNames> {
    let (list, _) = stem
        .trim_end_matches('.')
        .rsplit_once('.')
        .unwrap_or(("", stem));
    let name = match list {
        "" => "norm".to_owned(),
        encoder => format!("{encoder}.norm"),
    };
    let has_bias = builder.has(&format!("{name}.bias"));
    builder
        .has(&format!("{name}.weight"))
        .then(|| NormNames::new(name).bias(has_bias))
}

fn layer_names(stem: &str, layer: usize, hidden: usize, bias: bool) -> LayerNames {
    let name = |part: &str| format!("{stem}{layer}.{part}");
    let linear = |part: &str| LinearNames::new(name(part)).bias(bias);
    let norm = |part: &str| NormNames::new(name(part)).bias(bias);
    let packed = |part: usize| {
        linear("self_attn.in_proj")
            .joined_by('_')
            .starting_at(part * hidden)
    };
    LayerNames {
        qkv: Qkv {
            query: packed(0),
            key: packed(1),
            value: packed(2),
        },
        attention_output: linear("self_attn.out_proj"),
        attention_norm: Some(norm("norm1")),
        feed_forward: FeedForwardNames::Plain {
            input: linear("linear1"),
            output: linear("linear2"),
        },
        output_norm: norm("norm2"),
    }
}
