//! `config.json`

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use wgformer::models::{Config, FAMILIES, Family, Head, Network};

use crate::harness::{expect_error, model, parsed, replaced, rows, without};

#[test]
fn a_configuration_that_cannot_be_run_is_refused_by_key_and_value() {
    // No device is needed to find any of these.
    let attempt = |row: &str, directory: TempDir, variant: &str, needles: &str| {
        let graph = || Network::open(directory.path(), Head::HiddenStates);
        expect_error(row, graph, variant, needles);
    };
    let table = r#"
        model_type               |  "bart"                |  Unsupported    |  config.json; model_type; "bart"; supported: albert, bert
        model_type               |  null                  |  Malformed      |  config.json; model_type; missing
        model_type               |  7                     |  Malformed      |  config.json; model_type; is 7
        hidden_act               |  "mish"                |  Unsupported    |  config.json; hidden_act; "mish"; supported: gelu, 
        hidden_act               |  ["gelu"]              |  Malformed      |  hidden_act; must be a name
        position_embedding_type  |  "relative_key"        |  Unsupported    |  position_embedding_type; "relative_key"; "absolute"
        is_decoder               |  true                  |  Unsupported    |  is_decoder; "true"; supported: false
        add_cross_attention      |  true                  |  Unsupported    |  add_cross_attention; "true"; supported: false
        rotary_emb_base          |  1000                  |  Unsupported    |  config.json; key "rotary_emb_base"; hidden_size
        num_attention_heads      |  0                     |  Malformed      |  num_attention_heads; is 0
        num_attention_heads      |  5                     |  Malformed      |  hidden size 32; attention heads, 5
        num_attention_heads      |  64                    |  Malformed      |  hidden size 32; attention heads, 64
        hidden_size              |  0                     |  Malformed      |  config.json; hidden_size; is 0
        hidden_size              |  -32                   |  Malformed      |  hidden_size; is -32
        hidden_size              |  32.5                  |  Malformed      |  hidden_size; is 32.5
        hidden_size              |  "32"                  |  Malformed      |  hidden_size; is "32"
        hidden_size              |  [32]                  |  Malformed      |  hidden_size; is [32]
        hidden_size              |  1e18                  |  Malformed      |  hidden_size; is 1e+18
        hidden_size              |  1000000000000000000   |  Malformed      |  hidden_size; is 1000000000000000000
        hidden_size              |  18446744073709551615  |  Malformed      |  hidden_size; is 18446744073709551615
        hidden_size              |  268435456             |  TensorShape    |  word_embeddings.weight; , 32]; , 268435456]
        hidden_size              |  null                  |  TensorShape    |  word_embeddings.weight; , 32]; , 768]
        vocab_size               |  0                     |  Malformed      |  vocab_size; is 0
        vocab_size               |  10                    |  TensorShape    |  word_embeddings.weight; , 32]; [10, 32]
        max_position_embeddings  |  0                     |  Malformed      |  max_position_embeddings; is 0
        max_position_embeddings  |  512                   |  TensorShape    |  position_embeddings.weight; [64, 32]; [512, 32]
        type_vocab_size          |  0                     |  Malformed      |  type_vocab_size; is 0
        intermediate_size        |  0                     |  Malformed      |  intermediate_size; is 0
        intermediate_size        |  128                   |  TensorShape    |  layer.0.intermediate.dense.weight; [64, 32]; [128, 32]
        num_hidden_layers        |  0                     |  Malformed      |  num_hidden_layers; is 0
        num_hidden_layers        |  3                     |  TensorMissing  |  encoder.layer.2.
        num_hidden_layers        |  4096                  |  TensorMissing  |  encoder.layer.2.
        num_hidden_layers        |  100000000             |  Malformed      |  num_hidden_layers; 1 to 4096
        max_position_embeddings  |  268435456             |  Malformed      |  max_position_embeddings; 1 to 1048576
        quantization_config      |  {"bits": 4}           |  Unsupported    |  key "quantization_config"
        pruned_heads             |  {"0": [1]}            |  Unsupported    |  key "pruned_heads"
        layer_norm_eps           |  0                     |  Malformed      |  layer_norm_eps; is 0
        layer_norm_eps           |  -1e-12                |  Malformed      |  layer_norm_eps; is -1e-12
        layer_norm_eps           |  1e300                 |  Malformed      |  layer_norm_eps; is 1e+300
        layer_norm_eps           |  1e-60                 |  Malformed      |  layer_norm_eps; is 1e-60
        layer_norm_eps           |  "1e-12"               |  Malformed      |  layer_norm_eps; is "1e-12"
    "#;
    for row in rows::<4>(table) {
        let [key, value, variant, needles] = row;
        let directory = model(|model| model.config[key] = parsed(value));
        attempt(&row.join(" "), directory, variant, needles);
    }

    attempt("none", without("config.json"), "Io", "config.json");
    for (text, needles) in [
        ("", "EOF"),
        ("hidden_size: 32", "line 1"),
        ("[]", "map"),
        ("null", "map"),
        (&"{\"a\":".repeat(100_000), "recursion"),
        (&" ".repeat((16 << 20) + 1), "larger than 16777216 bytes"),
    ] {
        let directory = replaced("config.json", text);
        let needles = format!("config.json; {needles}");
        attempt(&needles, directory, "Malformed", &needles);
    }
}

#[test]
fn what_is_not_done_of_deberta_is_refused_by_key_and_value() {
    let table = r#"
        conv_kernel_size         |  4                      |  Unsupported    |  config.json; conv_kernel_size; "4"; 0 or an odd number
        conv_kernel_size         |  3                      |  TensorMissing  |  encoder.conv.conv.weight
        conv_kernel_size         |  "3"                    |  Malformed      |  conv_kernel_size; is "3"
        pos_att_type             |  "p2c|p2p"              |  Unsupported    |  pos_att_type; "p2p"; c2p, p2c
        pos_att_type             |  ["p2c", 2]             |  Malformed      |  pos_att_type; names; ["p2c",2]
        pos_att_type             |  7                      |  Malformed      |  pos_att_type; is 7
        norm_rel_ebd             |  "rms_norm"             |  Unsupported    |  norm_rel_ebd; "rms_norm"; none, layer_norm
        relative_attention       |  false                  |  Unsupported    |  relative_attention; "false"; pos_att_type
        attention_head_size      |  8                      |  Unsupported    |  attention_head_size; "8"; supported: 16
        position_buckets         |  1                      |  Malformed      |  position_buckets; at least 2; are 1 and 60
        position_buckets         |  120                    |  Malformed      |  position_buckets; are 120 and 60
        position_buckets         |  268435456              |  Malformed      |  position_buckets
        position_buckets         |  18                     |  TensorShape    |  rel_embeddings.weight; [32, 32]; [36, 32]
        position_buckets         |  "16"                   |  Malformed      |  position_buckets; is "16"
        max_relative_positions   |  [60]                   |  Malformed      |  max_relative_positions; is [60]
        max_position_embeddings  |  32769                  |  Unsupported    |  max_position_embeddings; "32769"; at most 32768
        share_att_key            |  false                  |  TensorMissing  |  layer.0.attention.self.pos_key_proj.weight
        position_biased_input    |  true                   |  TensorMissing  |  embeddings.position_embeddings.weight
        type_vocab_size          |  2                      |  TensorMissing  |  embeddings.token_type_embeddings.weight
        embedding_size           |  16                     |  TensorShape    |  word_embeddings.weight; [60, 32]; [60, 16]
        z_steps                  |  2                      |  Unsupported    |  key "z_steps"
    "#;
    refuses_each("deberta-v3", table);
    let table = r#"
        conv_groups              |  2                      |  Unsupported    |  config.json; conv_groups; "2"; supported: 1
        conv_act                 |  "mish"                 |  Unsupported    |  conv_act; "mish"; gelu; tanh
        conv_kernel_size         |  2                      |  Unsupported    |  conv_kernel_size; "2"; 0 or an odd number
        conv_kernel_size         |  5                      |  TensorShape    |  encoder.conv.conv.weight; [32, 32, 3]; [32, 32, 5]
    "#;
    refuses_each("deberta-v2-with-convolution", table);
}

#[test]
fn keys_of_rotations_that_nobody_asks_for_are_refused() {
    let table = r#"
        rope_scaling     |  {"type": "ntk", "factor": 2, "mixed_b": 0.3}          |  Unsupported  |  config.json; mixed_b 0.3; rope_theta
        rope_parameters  |  {"rope_theta": 10000, "partial_rotary_factor": 0.5}   |  Unsupported  |  partial_rotary_factor 0.5
        rope_parameters  |  {"rope_type": "yarn"}                                 |  Unsupported  |  rope_type; yarn
    "#;
    refuses_each("gte-as-published", table);
    let plain = r#"{"rope_theta": 10000.0, "partial_rotary_factor": 1.0, "mixed_b": null}"#;
    let found = rewritten("gte-as-published", "rope_parameters", parsed(plain));
    Network::open(found.path(), Head::HiddenStates).unwrap();
}

/// Each family asks for it, or does not know it.
#[test]
fn other_positions_than_a_familys_and_what_false_turns_off_are_refused_by_every_family() {
    let mut families = BTreeSet::new();
    for entry in fs::read_dir("tests/data/tiny").unwrap() {
        let folder = entry.unwrap().path();
        let Ok(config) = Config::read(&folder.join("config.json")) else {
            continue; // shards and the like have theirs elsewhere
        };
        let family = Family::of(&config).unwrap().model_type;
        let model = folder.file_name().unwrap().to_str().unwrap();
        if !folder.join("model.safetensors").exists() || !families.insert(family) {
            continue;
        }
        for (key, value) in [
            ("position_embedding_type", "\"of another kind\""),
            ("scale_attn_weights", "false"),
        ] {
            let directory = rewritten(model, key, parsed(value));
            let graph = || Network::open(directory.path(), Head::HiddenStates);
            expect_error(&format!("{model}: {key}"), graph, "Unsupported", key);
        }
    }
    let all = FAMILIES.iter().map(|family| family.model_type);
    let missing: Vec<&str> = all.filter(|it| !families.contains(it)).collect();
    assert_eq!(missing, [""; 0]);
}

/// A tiny model's configuration with a value instead of its own, for each row of the table.
fn refuses_each(model: &str, table: &str) {
    for row in rows::<4>(table) {
        let [key, value, variant, needles] = row;
        let directory = rewritten(model, key, parsed(value));
        let graph = || Network::open(directory.path(), Head::HiddenStates);
        expect_error(&row.join(" "), graph, variant, needles);
    }
}

/// A tiny model whose configuration has this value.
fn rewritten(model: &str, key: &str, value: Value) -> TempDir {
    let folder = Path::new("tests/data/tiny").join(model);
    let text = fs::read_to_string(folder.join("config.json")).unwrap();
    let mut config: Value = parsed(&text);
    config[key] = value;
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
    let weights = "model.safetensors";
    fs::copy(folder.join(weights), directory.path().join(weights)).unwrap();
    directory
}

/// What transformers 2 to 4 wrote into every file, and what says that something is not there.
#[test]
fn keys_that_ask_for_nothing_are_passed_over() {
    let keys = [
        ("_num_labels", "9"),
        ("task_specific_params", "null"),
        ("pruned_heads", "{}"),
        ("use_bfloat16", "false"),
        ("xla_device", "null"),
        ("num_beams", "1"),
        ("top_k", "50"),
        ("tokenizer_class", "\"BertTokenizer\""),
        ("auto_map", "{\"AutoModel\": \"x\"}"),
        ("quantization_config", "null"),
        ("matryoshka_dimensions", "[8, 16]"),
    ];
    let directory = model(|model| {
        for (key, value) in keys {
            model.config[key] = parsed(value);
        }
    });
    Network::open(directory.path(), Head::HiddenStates).unwrap();
}

#[test]
fn an_adapter_beside_a_model_is_refused_by_its_name() {
    let directory = replaced("adapter_config.json", "{\"peft_type\": \"LORA\"}");
    let error = Network::open(directory.path(), Head::HiddenStates).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("LoRA") && error.contains("merge"), "{error}");
}
