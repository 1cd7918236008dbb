//! `pull`, from a hub that the test is itself (feature `hub`).

#[path = "../common/generated_model.rs"]
mod generated_model;
#[path = "../cli/harness.rs"]
#[expect(dead_code, reason = "tests/cli has other needs")]
mod harness;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Ended, Folder, column, run};
use serde_json::json;
use server::{Asked, COMMIT, Server, Trouble, checksum, listed};

type Files = BTreeMap<String, Vec<u8>>;

const WEIGHTS: &str = "model.safetensors";

/// A model's files, and others that are beside them on the hub.
fn files(folder: &Folder) -> Files {
    let names = ["config.json", "tokenizer.json", WEIGHTS];
    let read = |name: &str| (name.to_owned(), folder.read(&format!("tiny/{name}")));
    let mut files: Files = names.map(read).into();
    for (name, bytes) in [
        ("modules.json", modules().as_bytes()),
        ("1_Pooling/config.json", b"{\"pooling_mode\":\"mean\"}"),
        ("README.md", b"# A model"),
        ("onnx/model.onnx", b"..."),
        ("onnx/config.json", b"{}"),
        ("pytorch_model.bin", b"..."),
        ("vocab.txt", b"..."),
    ] {
        files.insert(name.to_owned(), bytes.to_vec());
    }
    files
}

fn modules() -> String {
    let module = |kind: &str, path: &str| {
        let kind = format!("sentence_transformers.models.{kind}");
        json!({ "idx": 0, "name": "0", "path": path, "type": kind })
    };
    json!([module("Transformer", ""), module("Pooling", "1_Pooling")]).to_string()
}

/// A folder to run in, with a model in it, and a hub that has that too.
fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Server::start(files(&folder));
    (folder, server)
}

fn command(folder: &Folder, server: &Server, arguments: &str) -> Command {
    let mut command = folder.command(&format!("pull org/name {arguments}"));
    command
        .env("HF_ENDPOINT", &server.endpoint)
        .env("HF_HOME", folder.path("home"));
    for variable in [
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_OFFLINE",
        "XDG_CACHE_HOME",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(variable);
    }
    command
}

fn pull(folder: &Folder, server: &Server, arguments: &str) -> Ended {
    run(&mut command(folder, server, arguments), b"")
}

/// What of a file was asked for, from the hub and from where it sends one.
fn ranges(asked: &[Asked], file: &str) -> Vec<Option<String>> {
    let is_it = |asked: &&Asked| asked.path == format!("/elsewhere/{file}");
    asked
        .iter()
        .filter(is_it)
        .map(|asked| asked.range.clone())
        .collect()
}

fn cached(name: &str) -> String {
    format!("home/hub/models--org--name/{name}")
}

fn snapshot(name: &str) -> String {
    cached(&format!("snapshots/{COMMIT}/{name}"))
}

fn embed(folder: &Folder, model: &str) -> Vec<u8> {
    let mut command = folder.command(&format!("embed sea --model {model}"));
    run(command.env("HF_HOME", folder.path("home")), b"").bytes()
}

#[test]
fn a_model_is_fetched_to_where_it_is_found() {
    let (folder, server) = start();
    let lines = pull(&folder, &server, "--json").lines();
    let names = [
        "config.json",
        WEIGHTS,
        "modules.json",
        "tokenizer.json",
        "1_Pooling/config.json",
    ];
    assert_eq!(column(&lines, "file"), json!(names));
    assert_eq!(
        column(&lines, "fetched"),
        json!([true, true, true, true, true])
    );
    for (line, name) in lines.iter().zip(names) {
        let bytes = &files(&folder)[name];
        assert_eq!(line["bytes"], bytes.len(), "{name}");
        assert_eq!(line["commit"], COMMIT);
        assert_eq!(folder.read(&snapshot(name)), *bytes, "{name}");
        let blob = folder.path(&cached(&format!("blobs/{}", checksum(name, bytes))));
        let path = Path::new(line["path"].as_str().unwrap());
        assert_eq!(
            fs::canonicalize(path).unwrap(),
            fs::canonicalize(blob).unwrap()
        );
        #[cfg(unix)]
        assert!(fs::read_link(path).unwrap().is_relative());
    }
    assert_eq!(folder.read(&cached("refs/main")), COMMIT.as_bytes());
    for others in ["README.md", "onnx", "pytorch_model.bin", "vocab.txt"] {
        assert!(!folder.path(&snapshot(others)).exists(), "{others}");
    }
    let expected = embed(&folder, "tiny");
    assert_eq!(embed(&folder, "org/name"), expected);
    assert_eq!(embed(&folder, "name"), expected);

    // Again: nothing but the list is asked for.
    server.asked();
    let table = pull(&folder, &server, "").text();
    for needle in [
        "model.safetensors",
        "was there",
        "org/name",
        COMMIT,
        "snapshots",
    ] {
        assert!(table.contains(needle), "{table}");
    }
    assert_eq!(server.asked().len(), 1);
}

/// All that a folder of ours has but what the tests expect, since all of it is read.
#[test]
fn every_file_that_a_model_is_loaded_from_is_fetched() {
    for (model, arguments) in [
        ("retrieval/bge-m3", "--sparse"),
        ("retrieval/bge-m3", "--multi"),
        ("retrieval/colbert", "--multi"),
        ("retrieval/inference-free", "--sparse"),
        (
            "retrieval/inference-free-as-published",
            "--sparse --prompt query",
        ),
        ("heads/torch-encoder-sinusoidal-scaled", ""),
    ] {
        let source = Path::new(harness::ROOT).join("tests/data").join(model);
        let mut there = Files::new();
        read_all(&source, "", &mut there);
        there.retain(|name, _| !name.starts_with("expected"));
        let folder = Folder::new();
        let server = Server::start(there.clone());
        let lines = pull(&folder, &server, "--json").lines();
        let fetched = lines
            .iter()
            .map(|line| line["file"].as_str().unwrap().to_owned());
        let fetched: BTreeSet<String> = fetched.collect();
        assert_eq!(fetched, there.into_keys().collect(), "{model}");
        if arguments.is_empty() {
            continue;
        }
        let embedded = |model: &str| {
            let mut command = folder.command(&format!("embed sea {arguments} --model {model}"));
            run(command.env("HF_HOME", folder.path("home")), b"").bytes()
        };
        assert_eq!(
            embedded("org/name"),
            embedded(source.to_str().unwrap()),
            "{model}"
        );
    }
}

fn read_all(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read_all(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_connection_that_ends_is_taken_up_where_it_was() {
    let (folder, server) = start();
    let cuts = [
        Trouble::CutAfter(1000),
        Trouble::CutAfter(0),
        Trouble::Status(503),
        Trouble::CutAfter(500),
    ];
    server.trouble(WEIGHTS, &cuts);
    server.trouble("config.json", &[Trouble::CutAfter(5)]);
    pull(&folder, &server, "").text();
    let range = |from: usize| Some(format!("bytes={from}-"));
    let expected = [None, range(1000), range(1000), range(1000), range(1500)];
    assert_eq!(ranges(&server.asked(), WEIGHTS), expected);
    assert_eq!(embed(&folder, "name"), embed(&folder, "tiny"));

    // A server that has no parts sends the whole.
    let (folder, server) = start();
    server.trouble(WEIGHTS, &[Trouble::CutAfter(1000), Trouble::FromTheStart]);
    pull(&folder, &server, "").text();
    assert_eq!(ranges(&server.asked(), WEIGHTS), [None, range(1000)]);

    // So does another run, even where the first was given up.
    let (folder, server) = start();
    server.trouble(
        WEIGHTS,
        &[&[Trouble::CutAfter(1000)], &[Trouble::CutAfter(0); 6][..]].concat(),
    );
    let needles = [WEIGHTS, "1000 of", "5 times in a row", "try again"];
    pull(&folder, &server, "").assert_error(&needles);
    assert!(
        !folder.path(&cached("refs/main")).exists(),
        "it is not whole"
    );
    server.asked();
    pull(&folder, &server, "").text();
    assert_eq!(ranges(&server.asked(), WEIGHTS), [range(1000), range(1000)]);
    assert_eq!(folder.read(&snapshot(WEIGHTS)), files(&folder)[WEIGHTS]);
}

#[test]
fn what_has_another_checksum_is_fetched_once_more_and_then_refused() {
    let (folder, server) = start();
    server.trouble(WEIGHTS, &[Trouble::WrongBytes]);
    server.trouble("config.json", &[Trouble::WrongBytes]);
    pull(&folder, &server, "").text();
    assert_eq!(folder.read(&snapshot(WEIGHTS)), files(&folder)[WEIGHTS]);

    for name in [WEIGHTS, "config.json"] {
        let (folder, server) = start();
        server.trouble(name, &[Trouble::WrongBytes; 2]);
        let checksum = checksum(name, &files(&folder)[name]);
        pull(&folder, &server, "").assert_error(&[name, &checksum, "checksum", "nothing was kept"]);
        for path in [snapshot(name), cached(&format!("blobs/{checksum}"))] {
            assert!(!folder.path(&path).exists(), "{path}");
        }
        assert!(!folder.path(&cached("refs/main")).exists());
        pull(&folder, &server, "").text();
    }

    // What was there of it was of something else.
    let (folder, server) = start();
    let partial = cached(&format!(
        "blobs/{}.incomplete",
        checksum(WEIGHTS, &files(&folder)[WEIGHTS])
    ));
    fs::create_dir_all(folder.path(&partial).parent().unwrap()).unwrap();
    for bytes in [b"else".to_vec(), vec![0; 1_000_000]] {
        let _ = fs::remove_dir_all(folder.path(&cached("snapshots")));
        let _ = fs::remove_file(folder.path(partial.strip_suffix(".incomplete").unwrap()));
        folder.write(&partial, &bytes);
        pull(&folder, &server, "").text();
        assert_eq!(folder.read(&snapshot(WEIGHTS)), files(&folder)[WEIGHTS]);
    }
}

#[test]
fn a_folder_gets_the_files_themselves() {
    let (folder, server) = start();
    pull(&folder, &server, "--to models/mine").text();
    assert_eq!(
        folder.read("models/mine/1_Pooling/config.json"),
        files(&folder)["1_Pooling/config.json"]
    );
    assert!(!folder.path("home/hub").exists());
    assert_eq!(embed(&folder, "mine"), embed(&folder, "tiny"));
    // What was changed, here or there, is fetched again, and nothing else.
    let mut changed = files(&folder)["config.json"].clone();
    changed.push(b'\n');
    server.change("config.json", &changed);
    let length = files(&folder)["tokenizer.json"].len();
    folder.write("models/mine/tokenizer.json", vec![0; length]);
    let lines = pull(&folder, &server, "--to models/mine --json").lines();
    let fetched: Vec<_> = lines
        .iter()
        .filter(|line| line["fetched"] == true)
        .cloned()
        .collect();
    assert_eq!(
        column(&fetched, "file"),
        json!(["config.json", "tokenizer.json"])
    );
    assert_eq!(folder.read("models/mine/config.json"), changed);
    let names: Vec<_> = fs::read_dir(folder.path("models/mine")).unwrap().collect();
    assert_eq!(names.len(), 5, "{names:?}");
}

#[test]
fn shards_and_vocabularies_are_fetched_where_there_is_nothing_else() {
    let (folder, server) = start();
    let mut files = files(&folder);
    files.retain(|name, _| name == "config.json");
    let shards = [
        "pytorch_model-00001-of-00002.bin",
        "pytorch_model-00002-of-00002.bin",
        "pytorch_model.bin.index.json",
    ];
    let vocabulary = [
        "special_tokens_map.json",
        "tokenizer_config.json",
        "vocab.txt",
    ];
    for name in shards
        .iter()
        .chain(&vocabulary)
        .chain(&["optimizer.bin", "tf_model.h5"])
    {
        files.insert((*name).to_owned(), name.as_bytes().to_vec());
    }
    drop(server);
    let server = Server::start(files);
    let lines = pull(&folder, &server, "--json --to all").lines();
    let expected = [&["config.json"][..], &shards, &vocabulary].concat();
    assert_eq!(column(&lines, "file"), json!(expected));
}

#[test]
fn what_cannot_be_fetched_is_explained() {
    let (folder, server) = start();
    for (code, needles) in [
        (401, &["org/name", "no such model", "HF_TOKEN"][..]),
        (403, &["HF_TOKEN"]),
        (404, &["no such"]),
    ] {
        server.trouble("config.json", &[Trouble::Status(code)]);
        pull(&folder, &server, "").assert_error(needles);
    }
    pull(&folder, &server, "--revision v2")
        .assert_error(&["revision/v2", "no such model, revision"]);
    server.trouble("config.json", &[Trouble::Status(503); 5]);
    pull(&folder, &server, "").assert_error(&["503", "5 times in a row"]);
    let mut offline = command(&folder, &server, "");
    run(offline.env("HF_HUB_OFFLINE", "1"), b"").assert_error(&["HF_HUB_OFFLINE"]);
    let mut nobody = command(&folder, &server, "");
    run(nobody.env("HF_ENDPOINT", "http://127.0.0.1:1"), b"")
        .assert_error(&["127.0.0.1:1", "5 times"]);
    let help = folder.run("pull --help").text();
    assert!(help.contains("Usage: wgformer pull"), "{help}");
    for arguments in ["--revision ../x", "--revision ''", "--revision a//b"] {
        assert_eq!(pull(&folder, &server, arguments).code, 2, "{arguments}");
    }
    let mut list = files(&folder);
    list.retain(|name, _| name == "config.json" || name == "README.md");
    server.list(listed(&list));
    pull(&folder, &server, "").assert_error(&["no weights", "model.safetensors"]);
    list.remove("config.json");
    server.list(listed(&list));
    pull(&folder, &server, "").assert_error(&["no config.json"]);
    server.list(json!({ "siblings": [] }));
    pull(&folder, &server, "").assert_error(&["no list of files", "sha"]);
}

#[test]
fn names_that_lead_elsewhere_are_not_followed() {
    let (folder, server) = start();
    let mut list = listed(&files(&folder));
    list["sha"] = "../../../../../x".into();
    server.list(list.clone());
    pull(&folder, &server, "").assert_error(&["names no commit"]);
    list["sha"] = COMMIT.into();
    for sibling in list["siblings"].as_array_mut().unwrap() {
        if sibling["rfilename"] == "tokenizer.json" {
            sibling["blobId"] = "../../../../../evil".into();
        }
    }
    server.list(list);
    pull(&folder, &server, "").assert_error(&["no checksum for tokenizer.json"]);
    let outside = r#"[{"path":"","type":"Transformer"},{"path":"..","type":"Pooling"},{"path":"/etc","type":"Pooling"}]"#;
    let mut own = files(&folder);
    own.insert("modules.json".to_owned(), outside.as_bytes().to_vec());
    own.insert("../config.json".to_owned(), b"{}".to_vec());
    own.insert("/etc/config.json".to_owned(), b"{}".to_vec());
    server.change("modules.json", outside.as_bytes());
    server.list(listed(&own));
    let lines = pull(&folder, &server, "--json --to inside").lines();
    let names = ["config.json", WEIGHTS, "modules.json", "tokenizer.json"];
    assert_eq!(column(&lines, "file"), json!(names));
}

#[test]
fn the_token_is_for_the_hub_alone() {
    let (folder, server) = start();
    let mut command = command(&folder, &server, "");
    run(command.env("HF_TOKEN", "secret"), b"").text();
    let asked = server.asked();
    let (elsewhere, here): (Vec<Asked>, Vec<Asked>) = asked
        .into_iter()
        .partition(|it| it.path.starts_with("/elsewhere"));
    assert!(!elsewhere.is_empty());
    assert!(
        here.iter()
            .all(|it| it.token.as_deref() == Some("Bearer secret")),
        "{here:?}"
    );
    assert!(
        elsewhere.iter().all(|it| it.token.is_none()),
        "{elsewhere:?}"
    );
    // As `hf auth login` leaves it.
    fs::create_dir_all(folder.path("home")).unwrap();
    folder.write("home/token", "kept\n");
    pull(&folder, &server, "").text();
    assert_eq!(server.asked()[0].token.as_deref(), Some("Bearer kept"));
}
