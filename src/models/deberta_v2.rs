//! DeBERTa-v2 and v3 (He and others, 2021): scores that depend on where tokens are to each other as well as on what they
//! are; names and switches as in transformers' `modeling_deberta_v2.py`.

mod convolution;

use convolution::Convolution;
use serde_json::{Value, json};

use super::blocks::{
    Attending, Disentangled, EmbeddingNames, LayerNames, LayerSizes, NormNames, embeddings,
    embeddings_from, post_norm_layers,
};
use super::builder::{LinearNames, Table};
use super::heads::{Heads, MaskedLmNames, Transform};
use super::positions::distance_rows;
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::graph::TensorId;
use crate::ops::Qkv;

/// Dropout, what belongs to a convolution where there is none, and the tasks that tasksource's models were trained on.
const HARMLESS: &[&str] = &[
    "attention_probs_dropout_prob",
    "classifiers_size",
    "cls_dropout",
    "conv_act",
    "conv_groups",
    "hidden_dropout_prob",
    "padding_idx",
    "pooler_dropout",
    "tasks",
];

/// What heads read, or check by the shape of their tensors.
const HEADS: &[&str] = &["legacy", "pooler_hidden_act", "pooler_hidden_size"];

/// The longest texts whose distances there is a table of.
const MAX_POSITIONS: usize = 1 << 15;

/// The encoder of a DeBERTa-v2 or v3 checkpoint, with or without the `deberta.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    let sizes = LayerSizes {
        hidden: config.size("hidden_size", 1536)?,
        heads: config.size("num_attention_heads", 24)?,
        intermediate: config.size("intermediate_size", 6144)?,
        eps: config.positive("layer_norm_eps", 1e-7)?,
        activation: config.activation("hidden_act", "gelu")?,
    };
    let hidden = sizes.hidden;
    let layers = config.size("num_hidden_layers", 24)?;
    let vocabulary = config.size("vocab_size", 128_100)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let max_types = config.size_or_none("type_vocab_size", 0)?;
    let embedding_size = config.size("embedding_size", hidden)?;
    let are_positions_embedded = config.boolean("position_biased_input", true)?;
    let relative = Relative::of(config, &sizes, max_positions)?;
    let convolution = Convolution::of(config)?;
    let head_dim = sizes.head_dim(config)?;
    config.expect("attention_head_size", &[json!(head_dim)])?;
    config.expect("position_embedding_type", &[json!("absolute")])?;
    config.refuse_unknown(&[HARMLESS, HEADS].concat())?;

    builder.set_prefixes(&["deberta."]);
    let names = EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: are_positions_embedded
            .then_some(("embeddings.position_embeddings.weight", max_positions)),
        token_type: (max_types > 0)
            .then_some(("embeddings.token_type_embeddings.weight", max_types)),
        norm: Some(NormNames::new("embeddings.LayerNorm")),
    };
    let mut x = embedded(builder, &names, vocabulary, embedding_size, &sizes)?;
    let segment_offsets = builder.graph.segment_offsets();
    for layer in 0..layers {
        let disentangled = match &relative {
            Some(relative) => Some(relative.at(builder, layer, &sizes)?),
            None => None,
        };
        let attending = Attending {
            disentangled,
            ..Attending::everywhere(segment_offsets)
        };
        let names = [layer_names(layer)].into_iter();
        let y = post_norm_layers(builder, x, attending, names, &sizes)?;
        x = match &convolution {
            Some(convolution) if layer == 0 => {
                convolution.beside(builder, segment_offsets, [x, y], &sizes)?
            }
            _ => y,
        };
    }
    Ok(Encoder {
        embedding_columns: embedding_size,
        reads_types: max_types > 0,
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_positions)
    })
}

/// Embeddings of `columns`, brought to the layers' width: a sum of rows through a linear layer is the sum of what it makes
/// of each.
fn embedded(
    builder: &mut Builder<'_>,
    names: &EmbeddingNames,
    vocabulary: usize,
    columns: usize,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let hidden = sizes.hidden;
    if columns == hidden {
        return embeddings(builder, names, vocabulary, hidden, sizes.eps);
    }
    let project = LinearNames::new("embeddings.embed_proj").bias(false);
    let table = |builder: &mut Builder<'_>, name: &str, rows| {
        builder.projected(&Table::new(name, [rows, columns]), &project, hidden)
    };
    embeddings_from(builder, names, vocabulary, hidden, sizes.eps, table)
}

/// How scores depend on where tokens are to each other.
struct Relative {
    table: Table,
    /// Whether keys and queries of positions are those of tokens, by the same layers.
    are_keys_shared: bool,
    /// Queries of tokens with keys of positions, and queries of positions with keys of tokens.
    content_to_position: bool,
    position_to_content: bool,
}

impl Relative {
    /// `None` where they do not.
    fn of(config: &Config, sizes: &LayerSizes, max_positions: usize) -> Result<Option<Self>> {
        let is_relative = config.boolean("relative_attention", false)?;
        let max_distance = size_or(config, "max_relative_positions", max_positions)?;
        let buckets = size_or(config, "position_buckets", 0)?;
        let are_keys_shared = config.boolean("share_att_key", false)?;
        let is_normalised = is_normalised(config)?;
        let [content_to_position, position_to_content] = terms(config)?;
        let any = content_to_position || position_to_content;
        if any && !is_relative {
            // It would change the scale of scores all the same.
            return Err(config.unsupported(
                "relative_attention",
                "false",
                "true with a pos_att_type",
            ));
        }
        if !any {
            return Ok(None);
        }
        if max_positions > MAX_POSITIONS {
            let found = max_positions.to_string();
            let supported = format!("at most {MAX_POSITIONS} with relative_attention");
            return Err(config.unsupported("max_position_embeddings", found, supported));
        }
        if buckets == 1 || buckets > 0 && max_distance <= buckets / 2 + 1 {
            return Err(config.malformed(format!(
                "position_buckets must be at least 2, and max_relative_positions more than half of it and 1, are {buckets} and {max_distance}"
            )));
        }
        let span = if buckets > 0 { buckets } else { max_distance };
        let shape = [2 * span, sizes.hidden];
        let mut table = Table::new("encoder.rel_embeddings.weight", shape).at(distance_rows(
            buckets,
            max_distance,
            max_positions,
        ));
        if is_normalised {
            table = table.normalised("encoder.LayerNorm", sizes.eps);
        }
        Ok(Some(Self {
            table,
            are_keys_shared,
            content_to_position,
            position_to_content,
        }))
    }

    /// Those of a layer, which has keys and queries of positions by layers of its own. A term that there is not is zero.
    fn at(
        &self,
        builder: &mut Builder<'_>,
        layer: usize,
        sizes: &LayerSizes,
    ) -> Result<Disentangled> {
        let hidden = sizes.hidden;
        let [key, query] = if self.are_keys_shared {
            ["key_proj", "query_proj"]
        } else {
            ["pos_key_proj", "pos_query_proj"]
        };
        let mut vectors = |is_there: bool, part: &str| -> Result<TensorId> {
            if is_there {
                let name = format!("encoder.layer.{layer}.attention.self.{part}");
                builder.projected(&self.table, &LinearNames::new(name), hidden)
            } else {
                Ok(builder.zeros([self.table.places(), hidden]))
            }
        };
        let keys = vectors(self.content_to_position, key)?;
        let queries = vectors(self.position_to_content, query)?;
        let terms =
            1 + usize::from(self.content_to_position) + usize::from(self.position_to_content);
        Ok(Disentangled {
            positions: [keys, queries],
            scale: 1.0 / ((hidden / sizes.heads * terms) as f32).sqrt(),
        })
    }
}

/// A size, or the default where it is less than 1, as configurations write it.
fn size_or(config: &Config, key: &'static str, default: usize) -> Result<usize> {
    match config.value(key).and_then(Value::as_i64) {
        Some(..1) => Ok(default),
        _ => config.size(key, default),
    }
}

/// Whether relative positions go through a layer norm.
fn is_normalised(config: &Config) -> Result<bool> {
    let Some(value) = config.value("norm_rel_ebd") else {
        return Ok(false);
    };
    let kinds = names_of(config, "norm_rel_ebd", value)?;
    match kinds
        .iter()
        .find(|it| !["none", "layer_norm"].contains(&&***it))
    {
        Some(other) => Err(config.unsupported("norm_rel_ebd", other, "none, layer_norm")),
        None => Ok(kinds.iter().any(|it| it == "layer_norm")),
    }
}

/// Whether scores have each of the terms, content to position and position to content.
fn terms(config: &Config) -> Result<[bool; 2]> {
    const TERMS: [&str; 2] = ["c2p", "p2c"];
    let Some(value) = config.value("pos_att_type") else {
        return Ok([false; 2]);
    };
    let found = names_of(config, "pos_att_type", value)?;
    match found.iter().find(|it| !TERMS.contains(&&***it)) {
        Some(other) => Err(config.unsupported("pos_att_type", other, TERMS.join(", "))),
        None => Ok(TERMS.map(|term| found.iter().any(|it| it == term))),
    }
}

/// Names in a list, or in one string with bars between them.
fn names_of(config: &Config, key: &'static str, value: &Value) -> Result<Vec<String>> {
    let of_list = |list: &Vec<Value>| {
        let names = list.iter().map(|name| name.as_str().map(str::to_owned));
        names.collect::<Option<Vec<_>>>()
    };
    let names = match value {
        Value::String(names) => Some(
            names
                .split('|')
                .map(|it| it.trim().to_lowercase())
                .collect(),
        ),
        Value::Array(list) => of_list(list),
        _ => None,
    };
    let names = names.ok_or_else(|| {
        config.malformed(format!(
            "{key} must be names, in a list or between bars, is {value}"
        ))
    })?;
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// Its heads.
pub(super) fn heads(config: &Config) -> Result<Heads> {
    let activation = config.activation("hidden_act", "gelu")?;
    let masked_lm = if config.boolean("legacy", true)? {
        MaskedLmNames::of_bert(activation, "LayerNorm")
    } else {
        MaskedLmNames {
            transform: Some(Transform {
                dense: LinearNames::new("lm_predictions.lm_head.dense"),
                activation,
                norm: Some(NormNames::new("lm_predictions.lm_head.LayerNorm")),
            }),
            decoder: "lm_predictions.lm_head.decoder", // always left out
            embeddings: Some("embeddings.word_embeddings.weight"),
            bias: Some("lm_predictions.lm_head.bias"),
        }
    };
    let of_bert = Heads::of_bert(masked_lm);
    Ok(Heads {
        sequence: Transform {
            activation: config.activation("pooler_hidden_act", "gelu")?,
            ..of_bert.sequence
        },
        ..of_bert
    })
}

fn layer_names(layer: usize) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.attention.self.{part}_proj");
    let linear = |part: &str| LinearNames::new(name(part));
    LayerNames {
        qkv: Qkv {
            query: linear("query"),
            key: linear("key"),
            value: linear("value"),
        },
        ..super::bert::layer_names(layer)
    }
}
