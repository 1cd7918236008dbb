//! `config.json`

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
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
        is_encoder_decoder       |  true                  |  Unsupported    |  is_encoder_decoder; "true"; supported: false
        is_causal                |  true                  |  Unsupported    |  is_causal; "true"; supported: false
        rotary_emb_base          |  1000                  |  Unsupported    |  config.json; key "rotary_emb_base: 1000"; hidden_size; remove the key; open an issue
        nobody_knows             |  false                 |  Unsupported    |  config.json; key "nobody_knows: false"
        nobody_knows             |  []                    |  Unsupported    |  key "nobody_knows: []"
        nobody_knows             |  {}                    |  Unsupported    |  key "nobody_knows: {}"
        nobody_knows             |  0                     |  Unsupported    |  key "nobody_knows: 0"
        nobody_knows             |  ""                    |  Unsupported    |  key "nobody_knows: \"\""
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
        quantization_config      |  {"bits": 4}           |  Unsupported    |  key "quantization_config: {
        pruned_heads             |  {"0": [1]}            |  Unsupported    |  pruned_heads; "{\"0\":[1]}"; supported: {}
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
        z_steps                  |  2                      |  Unsupported    |  key "z_steps: 2"
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
fn what_nomics_configuration_says_twice_must_agree() {
    let table = r#"
        hidden_size              |  64                               |  Unsupported  |  hidden_size; "64"; supported: 32
        num_attention_heads      |  4                                |  Unsupported  |  num_attention_heads; "4"
        num_hidden_layers        |  1                                |  Unsupported  |  num_hidden_layers; "1"
        intermediate_size        |  32                               |  Unsupported  |  intermediate_size; "32"
        hidden_act               |  "gelu"                           |  Unsupported  |  hidden_act; "gelu"
        layer_norm_eps           |  1e-3                             |  Unsupported  |  layer_norm_eps; "0.001"
        rope_parameters          |  {"rope_theta": 7.0}              |  Malformed    |  rope_parameters; contradict
        moe_every_n_layers       |  2                                |  Unsupported  |  key "moe_every_n_layers: 2"
    "#;
    refuses_each("nomic-bert-as-published", table);
    let directory = changed("nomic-bert-as-published", |config| {
        config["rotary_emb_fraction"] = 1.into(); // the same number as 1.0
        config["rope_parameters"] = json!({
            "rope_theta": config["rotary_emb_base"], "rope_type": "default",
        });
        for (key, published) in [
            ("hidden_size", "n_embd"),
            ("intermediate_size", "n_inner"),
            ("num_attention_heads", "n_head"),
            ("num_hidden_layers", "n_layer"),
            ("layer_norm_eps", "layer_norm_epsilon"),
        ] {
            config[key] = config[published].clone();
        }
        config["hidden_act"] = "silu".into();
        config["max_position_embeddings"] = 8.into();
    });
    let network = Network::open(directory.path(), Head::HiddenStates).unwrap();
    assert_eq!(network.encoder.max_tokens, 24);
}

#[test]
fn keys_of_rotations_that_nobody_asks_for_are_refused() {
    let table = r#"
        rope_scaling     |  {"type": "ntk", "factor": 2, "mixed_b": 0.3}          |  Unsupported  |  config.json; mixed_b 0.3; rope_theta
        rope_parameters  |  {"rope_theta": 10000, "partial_rotary_factor": 0.5}   |  Unsupported  |  partial_rotary_factor 0.5
        rope_parameters  |  {"rope_type": "yarn"}                                 |  Unsupported  |  rope_type; yarn
    "#;
    refuses_each("gte-as-published", table);
    let table = r#"
        rope_parameters  |  7                                      |  Malformed  |  config.json; rope_parameters; object; is 7
        rope_parameters  |  "linear"                               |  Malformed  |  rope_parameters; object; is "linear"
        rope_parameters  |  [{"rope_type": "linear"}]              |  Malformed  |  rope_parameters; object; is [{
        rope_parameters  |  {"rope_type": 7}                       |  Malformed  |  rope_parameters; rope_type; is 7
        rope_parameters  |  {"rope_theta": "10000"}                |  Malformed  |  rope_parameters; rope_theta; is "10000"
        rope_scaling     |  "ntk"                                  |  Malformed  |  rope_scaling; object; is "ntk"
        rope_scaling     |  {"type": ["ntk"], "factor": 2}         |  Malformed  |  rope_scaling; type; is ["ntk"]
        rope_scaling     |  {"type": "ntk", "factor": "2"}         |  Malformed  |  rope_scaling; factor; is "2"
        rope_scaling     |  {"type": "ntk", "factor": 0.5}         |  Malformed  |  rope_scaling; factor; 0.5
    "#;
    for model in ["gte-as-published", "jina-embeddings-v3", "nomic-bert"] {
        let rows = table.lines().filter(|row| !row.trim().is_empty());
        // Two have the newer key, which stands before the older one.
        let rows = rows.filter(|row| model.starts_with("gte") || !row.contains("rope_scaling "));
        refuses_each(model, &rows.collect::<Vec<_>>().join("\n"));
    }
    let plain = r#"{"rope_theta": 10000.0, "partial_rotary_factor": 1.0, "mixed_b": null}"#;
    let found = rewritten("gte-as-published", "rope_parameters", parsed(plain));
    Network::open(found.path(), Head::HiddenStates).unwrap();
}

/// Transformers has one for each kind of layer.
#[test]
fn rotations_of_modernbert_are_by_the_kind_of_layer() {
    let table = r#"
        rope_parameters  |  {"rope_theta": 7.0, "rope_type": "default"}           |  Unsupported  |  config.json; rope_parameters; rope_theta; full_attention, sliding_attention
        rope_parameters  |  {"full_attention": {}, "chunked_attention": {}}       |  Unsupported  |  rope_parameters; chunked_attention; full_attention, sliding_attention
        rope_parameters  |  7                                                     |  Malformed    |  rope_parameters; object; is 7
        rope_parameters  |  [{"rope_theta": 7.0}]                                 |  Malformed    |  rope_parameters; object; is [{
        rope_parameters  |  {"full_attention": 7.0}                               |  Malformed    |  rope_parameters; object; is 7.0
        rope_parameters  |  {"sliding_attention": {"rope_theta": "7"}}            |  Malformed    |  rope_parameters; rope_theta; is "7"
    "#;
    refuses_each("modernbert", table);
    let found = rewritten(
        "modernbert",
        "rope_parameters",
        json!({ "full_attention": null }),
    );
    Network::open(found.path(), Head::HiddenStates).unwrap();
}

/// What training with FlexBERT leaves in a configuration says some of the architecture a second time.
#[test]
fn what_modernberts_configuration_says_twice_must_agree() {
    let table = r#"
        activation_function         |  "relu"                        |  Unsupported  |  activation_function; "relu"; "gelu"
        attention_layer             |  "base"                        |  Unsupported  |  attention_layer; "base"; "rope"
        attn_out_bias               |  true                          |  Unsupported  |  attn_out_bias; "true"
        attn_qkv_bias               |  true                          |  Unsupported  |  attn_qkv_bias; "true"
        bert_layer                  |  "postnorm"                    |  Unsupported  |  bert_layer; "postnorm"
        embed_norm                  |  false                         |  Unsupported  |  embed_norm; "false"
        embedding_layer             |  "absolute_pos"                |  Unsupported  |  embedding_layer; "absolute_pos"
        final_norm                  |  false                         |  Unsupported  |  final_norm; "false"
        head_pred_act               |  "silu"                        |  Unsupported  |  head_pred_act; "silu"
        hidden_act                  |  "silu"                        |  Unsupported  |  hidden_act; "silu"
        initial_mlp_layer           |  "mlp"                         |  Unsupported  |  initial_mlp_layer; "mlp"
        local_attn_rotary_emb_base  |  20000                         |  Unsupported  |  local_attn_rotary_emb_base; "20000"; 10000
        local_attn_rotary_emb_base  |  -1                            |  Unsupported  |  local_attn_rotary_emb_base; "-1"; 10000
        local_attn_rotary_emb_dim   |  8                             |  Unsupported  |  local_attn_rotary_emb_dim; "8"; 16
        mlp_in_bias                 |  true                          |  Unsupported  |  mlp_in_bias; "true"
        mlp_layer                   |  "mlp"                         |  Unsupported  |  mlp_layer; "mlp"; "glu"
        mlp_out_bias                |  true                          |  Unsupported  |  mlp_out_bias; "true"
        norm_kwargs                 |  {"eps": 1e-6}                 |  Unsupported  |  norm_kwargs; eps; 1e-6; norm_eps
        norm_kwargs                 |  {"eps": 1e-5, "bias": true}   |  Unsupported  |  norm_kwargs; bias; true; norm_bias
        normalization               |  "rmsnorm"                     |  Unsupported  |  normalization; "rmsnorm"; "layernorm"
        rotary_emb_base             |  10000                         |  Unsupported  |  rotary_emb_base; "10000"; 160000
        rotary_emb_interleaved      |  true                          |  Unsupported  |  rotary_emb_interleaved; "true"
        rotary_emb_scale_base       |  512                           |  Unsupported  |  rotary_emb_scale_base; "512"
        skip_first_prenorm          |  false                         |  Unsupported  |  skip_first_prenorm; "false"
        sliding_window              |  16                            |  Unsupported  |  sliding_window; "16"; 8
    "#;
    refuses_each("modernbert", table);
}

#[test]
fn all_keys_that_nobody_asks_for_are_named_at_once() {
    let directory = model(|model| {
        model.config["b_key"] = json!({ "a": "long value ".repeat(100) });
        model.config["a_key"] = 2.into();
        model.config["c_key"] = Value::Null;
        model.config["d_key"] = "x".into();
    });
    let error = Network::open(directory.path(), Head::HiddenStates).unwrap_err();
    let error = error.to_string();
    for part in ["keys \"a_key: 2, b_key: {", ", d_key: \\\"x\\\"\" is not"] {
        assert!(error.contains(part), "no {part} in: {error}");
    }
    assert!(!error.contains("c_key"), "{error}");
    // What to do comes before what there is, and no value makes it unreadable.
    assert!(
        error.find("remove the keys") < error.find("hidden_size"),
        "{error}"
    );
    assert!(error.len() < 1500, "{error}");

    let many = model(|model| {
        for number in 0..1000 {
            model.config[&format!("key_{number:03}")] = 1.into();
        }
    });
    let error = Network::open(many.path(), Head::HiddenStates).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("key_000: 1, key_001: 1"), "{error}");
    assert!(
        error.contains(" and 968 more") && error.len() < 2500,
        "{error}"
    );
}

/// Each family asks for it, or does not know it.
#[test]
fn other_positions_than_a_familys_and_what_false_turns_off_are_refused_by_every_family() {
    for model in one_of_each_family() {
        for (key, value) in [
            ("position_embedding_type", "\"of another kind\""),
            ("scale_attn_weights", "false"),
            ("nobody_knows", "false"),
            ("is_decoder", "true"),
            ("pruned_heads", "{\"0\": [1]}"),
        ] {
            let directory = rewritten(&model, key, parsed(value));
            let graph = || Network::open(directory.path(), Head::HiddenStates);
            expect_error(&format!("{model}: {key}"), graph, "Unsupported", key);
        }
    }
}

/// The folders of tiny models, one of each family.
fn one_of_each_family() -> Vec<String> {
    let mut models = BTreeMap::new();
    for entry in fs::read_dir("tests/data/tiny").unwrap() {
        let folder = entry.unwrap().path();
        let Ok(config) = Config::read(&folder.join("config.json")) else {
            continue; // shards and the like have theirs elsewhere
        };
        let family = Family::of(&config).unwrap().model_type;
        if folder.join("model.safetensors").exists() {
            let model = folder.file_name().unwrap().to_str().unwrap();
            models.insert(family, model.to_owned());
        }
    }
    let all = FAMILIES.iter().map(|family| family.model_type);
    let missing: Vec<&str> = all.filter(|it| !models.contains_key(it)).collect();
    assert_eq!(missing, [""; 0]);
    models.into_values().collect()
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

/// An encoder may have been saved with whatever a classifier of it would not take.
#[test]
fn labels_are_read_for_classifiers_alone() {
    let open = |directory: &TempDir, head: Head| Network::open(directory.path(), head);
    for (key, value, needles) in [
        (
            "id2label",
            json!({"0": "cat", "7": "dog"}),
            "id2label; from 0 on",
        ),
        ("num_labels", json!(1 << 28), "num_labels; 1 to 1048576"),
    ] {
        let directory = rewritten("plain", key, value);
        open(&directory, Head::HiddenStates).unwrap();
        for head in [Head::SequenceClassification, Head::TokenClassification] {
            expect_error(key, || open(&directory, head.clone()), "Malformed", needles);
        }
    }
}

/// A tiny model whose configuration has this value.
fn rewritten(model: &str, key: &str, value: Value) -> TempDir {
    changed(model, |config| config[key] = value)
}

/// A tiny model with another configuration.
fn changed(model: &str, change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = Path::new("tests/data/tiny").join(model);
    let text = fs::read_to_string(folder.join("config.json")).unwrap();
    let mut config: Value = parsed(&text);
    change(&mut config);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
    let weights = "model.safetensors";
    fs::copy(folder.join(weights), directory.path().join(weights)).unwrap();
    directory
}

/// What `pytorch_transformers` and transformers 2 to 5 write into every file, and null, which says that a key is not set.
#[test]
fn what_transformers_writes_into_every_file_is_passed_over_in_every_family() {
    let written: Value = parsed(
        r#"{
        "_attn_implementation": "eager", "_attn_implementation_autoset": true, "_commit_hash": "0", "_name_or_path": "x",
        "_num_labels": 9, "add_cross_attention": false, "architectures": ["BertModel"], "attn_implementation": null,
        "auto_map": {"AutoModel": "x"}, "bad_words_ids": null, "begin_suppress_tokens": null, "bos_token_id": 1,
        "chunk_size_feed_forward": 0, "cross_attention_hidden_size": null, "custom_pipelines": {},
        "decoder_start_token_id": null, "diversity_penalty": 0.0, "do_sample": false, "dtype": "float32",
        "early_stopping": false, "encoder_no_repeat_ngram_size": 0, "eos_token_id": 2, "eos_token_ids": 0,
        "exponential_decay_length_penalty": null, "finetuning_task": "sst-2", "forced_bos_token_id": null,
        "forced_eos_token_id": null, "gradient_checkpointing": false, "id2label": {"0": "a"}, "is_composition": false,
        "is_decoder": false, "is_encoder_decoder": false, "label2id": {"a": 0}, "language": "english",
        "length_penalty": 1.0, "max_length": 20, "min_length": 0, "name": "Bert", "name_or_path": "x",
        "no_repeat_ngram_size": 0, "nobody_knows": null, "num_beam_groups": 1, "num_beams": 1, "num_labels": 1,
        "num_return_sequences": 1, "output_attentions": false, "output_hidden_states": true, "output_past": true,
        "output_scores": false, "prefix": null, "problem_type": null, "pruned_heads": {}, "quantization_config": null,
        "remove_invalid_values": false, "repetition_penalty": 1.0, "return_dict": true,
        "return_dict_in_generate": false, "sep_token_id": null, "suppress_tokens": null, "task_specific_params": null,
        "temperature": 1.0, "tf_legacy_loss": false, "tie_encoder_decoder": false, "tie_word_embeddings": true,
        "tokenizer_class": "BertTokenizer", "top_k": 50, "top_p": 1.0, "torch_dtype": "float32",
        "torchscript": false, "transformers_version": "4.57.3", "typical_p": 1.0, "use_bfloat16": false,
        "use_cache": true, "xla_device": null
    }"#,
    );
    for model in one_of_each_family() {
        let directory = changed(&model, |config| {
            for (key, value) in written.as_object().unwrap() {
                // Of a network of PyTorch's parts it is the longest sequence.
                if key != "max_length" || config["model_type"] != "torch_transformer_encoder" {
                    config[key] = value.clone();
                }
            }
        });
        if let Err(error) = Network::open(directory.path(), Head::HiddenStates) {
            panic!("{model}: {error}");
        }
    }
}

/// What the configurations of well-known models hold besides, by family: no value of theirs changes a result.
#[test]
fn what_published_configurations_hold_is_passed_over() {
    for (model, published) in [
        // multilingual BERT and LaBSE; TinyBERT; sentence-transformers' Matryoshka models; fine-tuned by others.
        (
            "plain",
            r#"{"directionality": "bidi", "pooler_fc_size": 768, "pooler_num_attention_heads": 12,
                "pooler_num_fc_layers": 3, "pooler_size_per_head": 128, "pooler_type": "first_token_transform",
                "cell": {}, "emb_size": 312, "pre_trained": "", "structure": [], "training": "",
                "matryoshka_dimensions": [8, 16], "classifier_dropout": null, "author": "x", "license": "mit",
                "unsloth_version": "2025.1", "transformers.js_config": {"dtype": "q8"}, "unsloth_fixed": true,
                "model_name": "x",
                "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.0.1"},
                "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}"#,
        ),
        (
            "distilbert",
            r#"{"sinusoidal_pos_embds": false, "tie_weights_": true, "output_past": true, "qa_dropout": 0.1}"#,
        ),
        (
            "electra",
            r#"{"generator_size": "0.25", "summary_activation": "gelu", "summary_last_dropout": 0.1,
                "summary_type": "first", "summary_use_proj": true}"#,
        ),
        (
            "albert",
            r#"{"classifier_dropout_prob": 0.1, "down_scale_factor": 1, "gap_size": 0, "net_structure_type": 0,
                "num_memory_blocks": 0}"#,
        ),
        (
            "modernbert",
            r#"{"position_embedding_type": "sans_pos", "reference_compile": null, "repad_logits_with_grad": false,
                "sparse_pred_ignore_index": -100, "sparse_prediction": false, "layer_norm_eps": 1e-05,
                "deterministic_flash_attn": false, "cls_token_id": 1, "mask_token_id": 4}"#,
        ),
        // What is left of its training with FlexBERT, such as in RuModernBERT-small and USER2-base.
        (
            "modernbert",
            r#"{"activation_function": "gelu", "allow_embedding_resizing": true, "attention_layer": "rope",
                "attention_probs_dropout_prob": 0.0, "attn_out_bias": false, "attn_out_dropout_prob": 0.1,
                "attn_qkv_bias": false, "bert_layer": "prenorm", "compile_model": true, "deterministic_fa2": true,
                "embed_dropout_prob": 0.0, "embed_norm": true, "embedding_layer": "sans_pos", "encoder_layer": "base",
                "final_norm": true, "head_class_act": "silu", "head_class_bias": false, "head_class_dropout": 0.0,
                "head_class_norm": false, "head_pred_act": "gelu", "head_pred_bias": false, "head_pred_dropout": 0.0,
                "head_pred_norm": true, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "init_cutoff_factor": 2.0,
                "init_method": "full_megatron", "init_small_embedding": false, "init_std": 0.02,
                "initial_attention_layer": null, "initial_bert_layer": null, "initial_mlp_layer": null,
                "local_attn_rotary_emb_base": 10000.0, "local_attn_rotary_emb_dim": null,
                "loss_function": "fa_cross_entropy", "loss_kwargs": {"reduction": "mean"}, "masked_prediction": true,
                "mlp_dropout_prob": 0.0, "mlp_in_bias": false, "mlp_layer": "glu", "mlp_out_bias": false,
                "norm_kwargs": {"bias": false, "eps": 1e-05}, "normalization": "layernorm", "num_initial_layers": 1,
                "pad_logits": true, "padding": "unpadded", "pooling_type": "cls", "rotary_emb_base": 160000,
                "rotary_emb_dim": null, "rotary_emb_interleaved": false, "rotary_emb_scale_base": null,
                "skip_first_prenorm": true, "sliding_window": 8, "type_vocab_size": 2, "unpad_embeddings": true,
                "use_fa2": true, "use_sdpa_attn_mask": false}"#,
        ),
        // Where local layers have the theta of global ones, it says so with -1.
        (
            "modernbert",
            r#"{"rope_parameters": null, "global_rope_theta": 10000.0, "local_rope_theta": 10000.0,
                "local_attn_rotary_emb_base": -1, "local_attn_rotary_emb_dim": 16, "rotary_emb_base": 10000}"#,
        ),
        // CamemBERT 2.
        (
            "roberta",
            r#"{"embedding_size": 32, "model_name": "camembertv2-base", "position_biased_input": true,
                "_num_labels": 3, "output_past": true, "language": "english", "name": "Roberta",
                "position_embedding_type": "absolute", "gradient_checkpointing": false}"#,
        ),
        // DeBERTa v3's own, and of tasksource.
        (
            "deberta-v3",
            r#"{"pooler_dropout": 0, "pooler_hidden_act": "gelu", "pooler_hidden_size": 32, "legacy": true,
                "classifiers_size": [3, 2], "tasks": ["anli/a1", "glue/cola"], "problem_type": null}"#,
        ),
        (
            "mpnet",
            r#"{"gradient_checkpointing": false, "_name_or_path": "microsoft/mpnet-base", "architectures": ["MPNetForMaskedLM"]}"#,
        ),
        // nomic-embed-text-v1.5 and CodeRankEmbed.
        (
            "nomic-bert-as-published",
            r#"{"bos_token_id": null, "dense_seq_output": true, "embd_pdrop": 0.0, "eos_token_id": null,
                "fused_bias_fc": true, "fused_dropout_add_ln": true, "initializer_range": 0.02,
                "pad_vocab_size_multiple": 64, "parallel_block_tied_norm": false, "reorder_and_upcast_attn": false,
                "resid_pdrop": 0.0, "rotary_emb_fraction": 1, "summary_activation": null,
                "summary_first_dropout": 0.0, "summary_proj_to_labels": true, "summary_type": "cls_index",
                "summary_use_proj": true, "use_cache": true, "use_xentropy": true}"#,
        ),
        // jina-embeddings-v2.
        (
            "jina-bert",
            r#"{"_name_or_path": "jinaai/jina-bert-implementation", "attn_implementation": null,
                "classifier_dropout": null, "gradient_checkpointing": false, "hidden_dropout_prob": 0.1,
                "initializer_range": 0.02, "pad_token_id": 0, "use_cache": true}"#,
        ),
        // gte-multilingual-base and arctic-embed-m-v2.0.
        (
            "gte-as-published",
            r#"{"auto_map": {"AutoModel": "modeling.NewModel"}, "matryoshka_dimensions": [16], "rope_scaling":
                {"factor": 8, "type": "ntk"}, "rope_theta": 20000, "unpad_inputs": true,
                "use_memory_efficient_attention": true, "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}"#,
        ),
    ] {
        let published: Value = parsed(published);
        let directory = changed(model, |config| {
            for (key, value) in published.as_object().unwrap() {
                config[key] = value.clone();
            }
        });
        if let Err(error) = Network::open(directory.path(), Head::HiddenStates) {
            panic!("{model}: {error}");
        }
    }
}

#[test]
fn what_of_roberta_others_ask_for_is_refused() {
    let table = r#"
        embedding_size         |  16     |  Unsupported  |  embedding_size; "16"; supported: 32
        position_biased_input  |  false  |  Unsupported  |  position_biased_input; "false"; supported: true
    "#;
    refuses_each("roberta", table);
}

#[test]
fn an_adapter_beside_a_model_is_refused_by_its_name() {
    let directory = replaced("adapter_config.json", "{\"peft_type\": \"LORA\"}");
    let error = Network::open(directory.path(), Head::HiddenStates).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("LoRA") && error.contains("merge"), "{error}");
}
