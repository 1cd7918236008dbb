//! Which model a name means, what is said where there is none, and which there are.

use std::fs;

use serde_json::{Value, json};
use wgformer::models::{FAMILIES, Family};

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
    embed("empty").assert_error(&["empty", "neither config.json nor modules.json"]);
    assert_eq!(folder.names(), names, "nothing is downloaded");

    folder.write("tiny/model.safetensors", "");
    embed("tiny").assert_error(&["model.safetensors", "cut off"]);
}

#[test]
fn models_lists_families_with_their_heads_in_a_table_or_as_json() {
    let folder = Folder::new();
    let table = folder.run("models").text();
    let row = |start: &str| {
        let line = table
            .lines()
            .find(|line| line.trim_start().starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {table}"))
    };
    let header: Vec<&str> = row("family").split_whitespace().collect();
    assert_eq!(header[..2], ["family", "model_type"]);
    assert_eq!(header[2..], Family::HEADS);
    for (name, heads) in [("MPNet", 4), ("NomicBERT", 3)] {
        let found = row(name).split_whitespace().filter(|it| *it == "yes");
        assert_eq!(found.count(), heads, "{name}");
    }

    let document: Value = serde_json::from_str(&folder.run("models --json").text()).unwrap();
    let families = document["families"].as_array().unwrap();
    assert_eq!(families.len(), FAMILIES.len());
    for (found, family) in families.iter().zip(FAMILIES) {
        assert_eq!(found["model_type"], family.model_type);
        assert_eq!(found["heads"], json!(family.heads));
    }
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
