//! `config.json`

use tempfile::TempDir;
use wgformer::models::{Head, Network};

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
        num_hidden_layers        |  100000000             |  TensorMissing  |  encoder.layer.2.
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
