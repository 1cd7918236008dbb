//! Which model a name means, and what is said where there is none.

use std::fs;

use serde_json::{Value, json};

use crate::generated_model::write_json;
use crate::harness::{Folder, run};

#[test]
fn a_model_is_found_by_folder_by_name_and_in_the_hugging_face_cache() {
    let folder = Folder::new();
    let expected = folder.embed("sea").bytes();
    folder.add_model("models/named");
    let absolute = folder.path("tiny").display().to_string();
    for model in ["named", "models/named", "./tiny", &absolute] {
        let found = folder.run(&format!("embed sea --model '{model}'"));
        assert_eq!(found.bytes(), expected, "{model}");
    }

    // As the hub's own tools leave it: where there are several snapshots, `refs/main` says which is meant.
    for snapshot in [
        "cached/snapshots/aaaa",
        "single/snapshots/bbbb",
        "twice/snapshots/cccc",
    ] {
        folder.add_model(&format!("home/hub/models--org--{snapshot}"));
    }
    folder.add_model("home/hub/models--other--twice/snapshots/dddd");
    let cached = folder.path("home/hub/models--org--cached");
    write_json(
        &cached.join("snapshots/eeee/config.json"),
        &json!({ "model_type": "?" }),
    );
    fs::create_dir(cached.join("refs")).unwrap();
    fs::write(cached.join("refs/main"), "aaaa").unwrap();
    let embed = |model: &str, variable: &str, cache: &str| {
        let mut command = folder.command(&format!("embed sea --model {model}"));
        run(
            command
                .env_remove("HF_HOME")
                .env(variable, folder.path(cache)),
            b"",
        )
    };
    for model in [
        "org/cached",
        "cached",
        "org/single",
        "single",
        "other/twice",
    ] {
        assert_eq!(embed(model, "HF_HOME", "home").bytes(), expected, "{model}");
    }
    assert_eq!(
        embed("cached", "HF_HUB_CACHE", "home/hub").bytes(),
        expected
    );
    fs::create_dir(folder.path("cache")).unwrap();
    fs::rename(folder.path("home"), folder.path("cache/huggingface")).unwrap();
    assert_eq!(embed("cached", "XDG_CACHE_HOME", "cache").bytes(), expected);

    let needles = ["\"twice\"", "ORG/NAME", "org--twice", "other--twice"];
    embed("twice", "XDG_CACHE_HOME", "cache").assert_error(&needles);
    for part in ["g/cached", "ached", "org/twic"] {
        embed(part, "XDG_CACHE_HOME", "cache").assert_error(&["there is no model"]);
    }
}

#[test]
fn a_model_that_is_not_there_is_not_fetched_but_explained() {
    let folder = Folder::new();
    fs::create_dir(folder.path("empty")).unwrap();
    let names = folder.names();
    let embed = |model: &str| folder.run(&format!("embed sea --model {model}"));
    let hint = "hf download ORG/unknown --local-dir models/unknown";
    embed("unknown").assert_error(&["\"unknown\"", "models/", "no-cache", hint]);
    let hint = "hf download org/unknown --local-dir models/unknown";
    embed("org/unknown").assert_error(&["\"org/unknown\"", hint]);
    embed("all-MiniLM-L6-v2").assert_error(&["\"all-MiniLM-L6-v2\"", "make model"]);
    folder
        .run("embed sea")
        .assert_error(&["\"all-MiniLM-L6-v2\"", "make model"]);
    embed("empty").assert_error(&["empty", "no config.json"]);
    assert_eq!(folder.names(), names, "nothing is downloaded");

    folder.write("tiny/model.safetensors", "");
    embed("tiny").assert_error(&["model.safetensors", "cut off"]);
}

/// The crate panics on some tokenizers, which standard error says nothing of but the error.
#[test]
fn a_tokenizer_that_panics_is_an_error_of_one_line() {
    let folder = Folder::new();
    let path = folder.path("tiny/tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    tokenizer["pre_tokenizer"] = json!({ "type": "FixedLength", "length": 0 });
    write_json(&path, &tokenizer);
    let refused = folder.embed("sea");
    refused.assert_error(&["tokenizer.json", "the tokenizer crate panicked on it"]);
}
