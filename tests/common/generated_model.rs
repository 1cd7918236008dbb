//! A tiny BERT with seeded random weights, written as a Hugging Face directory: small enough to be loaded hundreds of
//! times, and data rather than options, so that a test breaks exactly what it is about.

pub(crate) mod torch_file;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use wgformer::verify::Random;

pub(crate) const HIDDEN: usize = 32;
pub(crate) const LAYERS: usize = 2;
pub(crate) const POSITIONS: usize = 64;

pub(crate) const INTERMEDIATE: usize = 64;

/// The whole vocabulary; a word's place is its id. `##s` is what the second half of "words" becomes.
const VOCABULARY: &str = "[PAD] [UNK] [CLS] [SEP] [MASK] a and the of in is not word text line cat dog sun sea rain \
                          snow hello world small large red green blue one two three four five six ##s ##ing . , ! ?";

/// A weight, row-major.
#[derive(Clone)]
pub(crate) struct Weight {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// A kind of weights file.
#[allow(dead_code, reason = "not every test has weights of every kind")]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Format {
    Safetensors,
    /// As `torch.save` writes it.
    Torch,
    /// The same of tensors that were transposed before, so that their elements do not follow one another.
    TorchTransposed,
}

/// The files of a model, before they are written.
#[derive(Clone)]
pub(crate) struct GeneratedModel {
    pub(crate) config: Value,
    pub(crate) tokenizer: Value,
    pub(crate) weights: BTreeMap<String, Weight>,
    /// How the weights are stored.
    pub(crate) dtype: Dtype,
    /// How many files the weights are spread over; more than one has an index.
    pub(crate) shards: usize,
    /// What kind of file the weights are in.
    pub(crate) format: Format,
    /// Other JSON files, by name.
    pub(crate) extra: Vec<(&'static str, Value)>,
}

impl GeneratedModel {
    /// f32 weights in one file, without sentence-transformers files.
    pub(crate) fn new() -> Self {
        Self {
            config: config(),
            tokenizer: tokenizer(),
            weights: weights(),
            dtype: Dtype::F32,
            shards: 1,
            format: Format::Safetensors,
            extra: Vec::new(),
        }
    }

    /// Writes every file into `directory`.
    pub(crate) fn write(&self, directory: &Path) {
        let write = |name: &str, json: &Value| write_json(&directory.join(name), json);
        fs::create_dir_all(directory).unwrap();
        write("config.json", &self.config);
        write("tokenizer.json", &self.tokenizer);
        for (name, json) in &self.extra {
            write(name, json);
        }
        let (stem, extension) = match self.format {
            Format::Safetensors => ("model", "safetensors"),
            Format::Torch | Format::TorchTransposed => ("pytorch_model", "bin"),
        };
        let whole = format!("{stem}.{extension}");
        if self.shards == 1 {
            self.write_weights(&directory.join(whole), |_| true);
            return;
        }
        let shard_of = |place: usize| {
            let shard = place % self.shards + 1;
            format!("{stem}-{shard:05}-of-{:05}.{extension}", self.shards)
        };
        let map: BTreeMap<&String, String> = self.weights.keys().zip((0..).map(shard_of)).collect();
        write(
            &format!("{whole}.index.json"),
            &json!({ "metadata": {}, "weight_map": map }),
        );
        for shard in (0..self.shards).map(shard_of) {
            self.write_weights(&directory.join(&shard), |name| map[name] == shard);
        }
    }

    fn write_weights(&self, path: &Path, wanted: impl Fn(&String) -> bool) {
        let chosen = self.weights.iter().filter(|(name, _)| wanted(name));
        let is_transposed = self.format == Format::TorchTransposed;
        let stored: Vec<_> = chosen
            .map(|(name, weight)| {
                let values = match weight.shape[..] {
                    [_, cols] if is_transposed => transposed(&weight.values, cols),
                    _ => weight.values.clone(),
                };
                (
                    name.as_str(),
                    &weight.shape[..],
                    stored(&values, self.dtype),
                )
            })
            .collect();
        if self.format != Format::Safetensors {
            fs::write(path, torch_file::file(&stored, self.dtype, is_transposed)).unwrap();
            return;
        }
        let view =
            |shape: &[usize], bytes| TensorView::new(self.dtype, shape.to_vec(), bytes).unwrap();
        let views = stored
            .iter()
            .map(|(name, shape, bytes)| (*name, view(shape, bytes)));
        fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
    }
}

/// Column by column what is there row by row.
fn transposed(values: &[f32], cols: usize) -> Vec<f32> {
    let column = |first: usize| values.iter().skip(first).step_by(cols);
    (0..cols).flat_map(column).copied().collect()
}

pub(crate) fn write_json(path: &Path, json: &Value) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, serde_json::to_vec_pretty(json).unwrap()).unwrap();
}

fn stored(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        Dtype::F16 => values
            .iter()
            .flat_map(|value| f16::from_f32(*value).to_le_bytes())
            .collect(),
        Dtype::BF16 => values
            .iter()
            .flat_map(|value| bf16::from_f32(*value).to_le_bytes())
            .collect(),
        Dtype::I64 => values
            .iter()
            .flat_map(|value| (*value as i64).to_le_bytes())
            .collect(),
        other => panic!("no test stores {other:?}"),
    }
}

fn vocabulary() -> impl Iterator<Item = &'static str> {
    VOCABULARY.split(' ').filter(|word| !word.is_empty())
}

fn config() -> Value {
    json!({
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": POSITIONS,
        "model_type": "bert",
        "num_attention_heads": 2,
        "num_hidden_layers": LAYERS,
        "type_vocab_size": 2,
        "vocab_size": vocabulary().count(),
    })
}

/// WordPiece that keeps upper and lower case apart: whatever puts texts in lower case shows.
fn tokenizer() -> Value {
    let vocabulary: BTreeMap<&str, usize> = vocabulary().zip(0..).collect();
    let special = |name: &str| json!({ "id": name, "ids": [vocabulary[name]], "tokens": [name] });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": special_tokens(),
        "normalizer": null,
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
                { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 0 } },
            ],
            "pair": [
                { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
                { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 0 } },
                { "Sequence": { "id": "B", "type_id": 1 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 1 } },
            ],
            "special_tokens": { "[CLS]": special("[CLS]"), "[SEP]": special("[SEP]") },
        },
        "decoder": null,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    })
}

/// The first five of the vocabulary.
fn special_tokens() -> Value {
    let token = |(id, content): (usize, &str)| {
        json!({
            "id": id, "content": content, "special": true,
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        })
    };
    (0..).zip(vocabulary().take(5)).map(token).collect()
}

fn weights() -> BTreeMap<String, Weight> {
    let mut random = Random::new(1);
    shapes()
        .into_iter()
        .map(|(name, shape)| (name.clone(), weight(&mut random, &name, shape)))
        .collect()
}

/// Large enough that an error in any tensor shows, and exact in f16, so that storing as f16 changes nothing.
fn weight(random: &mut Random, name: &str, shape: Vec<usize>) -> Weight {
    let (center, spread) = if name.ends_with("LayerNorm.weight") {
        (1.0, 0.3)
    } else {
        (0.0, 0.4)
    };
    let exact = |value: f32| f16::from_f32(value).to_f32();
    let values = (0..shape.iter().product())
        .map(|_| exact(center + spread * random.unit()))
        .collect();
    Weight { shape, values }
}

fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut shapes = vec![
        (
            "embeddings.word_embeddings.weight".to_owned(),
            vec![vocabulary().count(), HIDDEN],
        ),
        (
            "embeddings.position_embeddings.weight".to_owned(),
            vec![POSITIONS, HIDDEN],
        ),
        (
            "embeddings.token_type_embeddings.weight".to_owned(),
            vec![2, HIDDEN],
        ),
    ];
    let mut pair = |name: &str, weight: &[usize]| {
        shapes.push((format!("{name}.weight"), weight.to_vec()));
        shapes.push((format!("{name}.bias"), vec![weight[0]]));
    };
    pair("embeddings.LayerNorm", &[HIDDEN]);
    for layer in 0..LAYERS {
        let mut part =
            |name: &str, weight: &[usize]| pair(&format!("encoder.layer.{layer}.{name}"), weight);
        part("attention.self.query", &[HIDDEN, HIDDEN]);
        part("attention.self.key", &[HIDDEN, HIDDEN]);
        part("attention.self.value", &[HIDDEN, HIDDEN]);
        part("attention.output.dense", &[HIDDEN, HIDDEN]);
        part("attention.output.LayerNorm", &[HIDDEN]);
        part("intermediate.dense", &[INTERMEDIATE, HIDDEN]);
        part("output.dense", &[HIDDEN, INTERMEDIATE]);
        part("output.LayerNorm", &[HIDDEN]);
    }
    shapes
}
