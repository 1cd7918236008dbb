//! Models of PyTorch's own parts: what their folders may say. That they compute what PyTorch does, `tests/heads.rs` and
//! `tests/tiny_models.rs` hold.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;
use wgformer::Result;
use wgformer::models::{Head, Network};

const PLAIN: &str = "tests/data/heads/torch_transformer_encoder-masked-lm";
const LEARNED: &str = "tests/data/heads/torch-encoder-learned";

/// A copy of a folder, with a change to its configuration.
fn with(folder: &str, key: &str, value: Value) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = copy.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    fs::write(&path, config.to_string()).unwrap();
    copy
}

fn open(folder: &Path) -> Result<Network> {
    Network::open(folder, Head::HiddenStates)
}

fn message(folder: &Path) -> String {
    open(folder).unwrap_err().to_string()
}

#[test]
fn a_configuration_that_cannot_be_run_is_refused_by_key_and_value() {
    let cases: &[(&str, Value, &[&str])] = &[
        ("d_model", Value::Null, &["d_model is missing"]),
        ("nhead", Value::Null, &["nhead is missing"]),
        ("num_layers", Value::Null, &["num_layers is missing"]),
        ("vocab_size", Value::Null, &["vocab_size is missing"]),
        ("nhead", json!(3), &["hidden size 16", "heads, 3"]),
        ("nhead", json!("2"), &["nhead", "is \"2\""]),
        ("d_model", json!(0), &["d_model", "is 0"]),
        (
            "d_model",
            json!(20),
            &["embedding.weight", "[40, 16]", "[40, 20]"],
        ),
        ("vocab_size", json!(41), &["embedding.weight", "[41, 16]"]),
        (
            "dim_feedforward",
            Value::Null,
            &["linear1.weight", "[2048, 16]"],
        ),
        (
            "num_layers",
            json!(3),
            &["transformer_layers.2.self_attn.in_proj_weight"],
        ),
        (
            "activation",
            json!("silu"),
            &["activation", "silu", "relu", "gelu"],
        ),
        (
            "positional",
            json!("rotary"),
            &["positional", "rotary", "none", "sinusoidal", "learned"],
        ),
        (
            "positional",
            json!("learned"),
            &["no tensor", "positional.weight"],
        ),
        (
            "norm_first",
            json!("yes"),
            &["norm_first must be true or false"],
        ),
        (
            "batch_first",
            json!(1),
            &["batch_first must be true or false"],
        ),
        ("layer_norm_eps", json!(-1), &["layer_norm_eps", "is -1"]),
        ("max_length", json!(0), &["max_length", "is 0"]),
        (
            "max_length",
            json!(1 << 28),
            &["max_length", "1 to 1048576"],
        ),
        ("kdim", json!(8), &["key \"kdim: 8\"", "dim_feedforward"]),
    ];
    for (key, value, needles) in cases {
        let found = message(with(PLAIN, key, value.clone()).path());
        for needle in *needles {
            assert!(
                found.contains(needle),
                "{key} {value}, no {needle}: {found}"
            );
        }
    }
    let found = message(with(LEARNED, "max_length", json!(21)).path());
    assert!(
        found.contains("[20, 16]") && found.contains("[21, 16]"),
        "{found}"
    );
    for (key, value) in [("dropout", json!(0.1)), ("batch_first", json!(true))] {
        open(with(PLAIN, key, value).path()).unwrap();
    }
}

#[test]
fn a_sequence_is_as_long_as_a_table_of_positions_or_the_configuration_says() {
    let longest = |folder: &Path| open(folder).unwrap().encoder.max_tokens;
    assert_eq!(longest(PLAIN.as_ref()), 5000);
    assert_eq!(longest(with(PLAIN, "max_length", json!(9)).path()), 9);
    let sinusoidal = with(PLAIN, "positional", json!("sinusoidal"));
    assert_eq!(longest(sinusoidal.path()), 5000);
    assert_eq!(longest(with(LEARNED, "max_length", Value::Null).path()), 20);
}

/// A tensor's type, shape and bytes.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

fn change_weights(folder: &Path, change: impl FnOnce(&mut Vec<Stored>)) {
    let path = folder.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let stored = file.iter().map(|(name, view)| {
        let (shape, bytes) = (view.shape().to_vec(), view.data().to_vec());
        (name.to_owned(), view.dtype(), shape, bytes)
    });
    let mut stored: Vec<Stored> = stored.collect();
    change(&mut stored);
    let views = stored.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        (name, view)
    });
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn names_of_layers_are_understood_unless_they_could_be_two() {
    let stems = [
        "layers",
        "transformer_encoder.layers",
        "encoder.layers",
        "transformer.layers",
    ];
    let renamed = |stem: &str, prefix: &str| {
        let folder = with(PLAIN, "causal", json!(false));
        change_weights(folder.path(), |stored| {
            for (name, ..) in stored {
                *name = format!("{prefix}{}", name.replace("transformer_layers", stem));
            }
        });
        folder
    };
    for stem in stems {
        for prefix in ["", "model.", "module.", "_orig_mod."] {
            open(renamed(stem, prefix).path()).unwrap();
        }
    }
    let unknown = message(renamed("blocks", "").path());
    assert!(unknown.contains("transformer_layers.0"), "{unknown}");

    let folder = with(PLAIN, "causal", json!(false));
    change_weights(folder.path(), |stored| {
        let of_layers = stored
            .iter()
            .filter(|(name, ..)| name.starts_with("transformer_layers"));
        let others: Vec<Stored> = of_layers
            .map(|(name, dtype, shape, bytes)| {
                let name = name.replace("transformer_layers", "encoder.layers");
                (name, *dtype, shape.clone(), bytes.clone())
            })
            .collect();
        stored.extend(others);
    });
    let found = message(folder.path());
    let both = "transformer_layers.0, encoder.layers.0";
    assert!(found.contains(both), "{found}");
}

#[test]
fn a_head_that_is_not_there_is_named() {
    let folder = with(PLAIN, "causal", json!(false));
    change_weights(folder.path(), |stored| {
        stored.retain(|(name, ..)| !name.starts_with("linear."));
    });
    open(folder.path()).unwrap();
    let found = Network::open_masked_lm(folder.path())
        .unwrap_err()
        .to_string();
    for needle in ["\"linear.weight\"", "an encoder alone"] {
        assert!(found.contains(needle), "{found}");
    }
}

#[test]
fn a_file_of_torch_is_found_by_its_end() {
    let weights = Path::new(LEARNED).join("weights.pt");
    let folder = |names: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(LEARNED).join("config.json");
        fs::copy(from, folder.path().join("config.json")).unwrap();
        for name in names {
            fs::copy(&weights, folder.path().join(name)).unwrap();
        }
        folder
    };
    for names in [
        &["a.pt"][..],
        &["a.pth"],
        &["model.pth", "optimizer.pt"],
        &["a.pt", "notes.txt"],
    ] {
        open(folder(names).path()).unwrap_or_else(|error| panic!("{names:?}: {error}"));
    }
    let found = message(folder(&["epoch-1.pt", "epoch-2.pt"]).path());
    assert!(
        found.contains("epoch-1.pt, epoch-2.pt") && found.contains("model.pt"),
        "{found}"
    );
    let found = message(folder(&[]).path());
    assert!(found.contains("model.safetensors"), "{found}");

    // Safetensors come first, whatever lies beside them.
    let beside: PathBuf = with(PLAIN, "causal", json!(false)).keep();
    fs::write(beside.join("optimizer.pt"), b"not read").unwrap();
    open(&beside).unwrap();
    fs::remove_dir_all(beside).unwrap();
}
