//! `bench`: what it prints and writes, and what `docs/bench.md` says of it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Folder, ROOT};

/// One kernel on few sizes, which takes seconds.
const SHORT: &str = "bench --quick --kernel softmax --time-budget 20s --json";

/// The names of all values, with `[]` where there are several; those of a summary are under `summary`.
fn names(prefix: &str, value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let prefix = if fields.contains_key("median") {
                all.insert(prefix.to_owned());
                "summary"
            } else {
                prefix
            };
            for (name, value) in fields {
                let dot = if prefix.is_empty() { "" } else { "." };
                names(&format!("{prefix}{dot}{name}"), value, all);
            }
        }
        Value::Array(values) if values.first().is_some_and(Value::is_object) => {
            let each = values.iter();
            each.for_each(|value| names(&format!("{prefix}[]"), value, all));
        }
        _ => drop(all.insert(prefix.to_owned())),
    }
}

/// The first column of the tables under "The document".
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{ROOT}/docs/bench.md")).unwrap();
    let (_, document) = text.split_once("## The document").unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.map(|row| row.split('`').next().unwrap().to_owned());
    names.collect()
}

/// Of this checkout; without git, or in a source that is in no repository, there is none.
fn assert_commit(commit: &Value) {
    let mut git = Command::new("git");
    git.args(["-C", ROOT, "rev-parse", "HEAD"]);
    // Not one that lies around this.
    let is_own = git.args(["HEAD:./Cargo.toml"]).output();
    match is_own.ok().filter(|output| output.status.success()) {
        Some(output) => {
            let head = String::from_utf8(output.stdout).unwrap();
            let commit = commit.as_str().unwrap().trim_end_matches("-dirty");
            assert!(commit.len() >= 12 && head.starts_with(commit), "{commit}");
        }
        None => assert_eq!(*commit, Value::Null),
    }
}

#[test]
fn what_was_measured_is_a_document_and_a_page_of_which_every_field_is_documented() {
    let folder = Folder::new();
    let text = folder.run(&format!("{SHORT} --report page.html")).text();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["schema_version"], 2);
    assert_commit(&report["commit"]);
    let wgpu = report["wgpu"].as_str().unwrap();
    assert!(wgpu.starts_with(wgformer::tuning::WGPU), "{wgpu}");
    assert_eq!(wgpu.split('.').count(), 3, "{wgpu}");
    let kernels = report["kernels"].as_array().unwrap();
    assert!(!kernels.is_empty(), "{report}");
    assert!(kernels.iter().all(|kernel| kernel["kernel"] == "softmax"));
    let fields = |report: &Value| {
        let mut all = BTreeSet::new();
        names("", report, &mut all);
        all
    };
    let others = [
        "--shape attention",
        "--variant softmax=softmax,softmax_vec4",
    ]
    .map(|arguments| {
        let short = "bench --quick --model tiny --dtype f32 --time-budget 20s --json";
        let text = folder.run(&format!("{short} {arguments}")).text();
        serde_json::from_str::<Value>(&text).unwrap()
    });
    let mut all: BTreeSet<String> = others.iter().chain([&report]).flat_map(fields).collect();
    // Where one of the three has none.
    for whole in ["kernels", "models", "alternation"] {
        all.remove(whole);
    }
    assert_eq!(documented(), all);

    let page = String::from_utf8(folder.read("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains(">softmax<"), "{page}");

    // What was printed can be shown again.
    folder.write("run.json", &text);
    let again = |arguments: &str| {
        folder
            .run(&format!("bench --from run.json {arguments}"))
            .text()
    };
    let document: Value = serde_json::from_str(&again("--json")).unwrap();
    assert_eq!(fields(&document), fields(&report));
    assert_eq!(document["adapter"], report["adapter"]);
    assert!(again("--report -") == page);
    let tables = again("--report again.html");
    assert!(
        tables.contains("softmax") && tables.contains("of roof"),
        "{tables}"
    );
    assert!(folder.read("again.html") == page.as_bytes());
}

#[test]
fn what_cannot_be_written_or_read_is_said_before_anything_is_measured() {
    let folder = Folder::new();
    let failed = |arguments: &str, needles: &[&str]| {
        // The driver of this adapter is not even looked for.
        let command_line = format!("bench --adapter 'no such adapter' {arguments}");
        folder.run(&command_line).assert_error(needles);
    };
    failed(
        "--report missing/page.html",
        &["cannot write missing/page.html"],
    );
    failed("--report .", &["it is a folder"]);
    failed(
        "--report - --json",
        &["--report - and --json", "give --report a file"],
    );
    let failed = |file: &str, needles: &[&str]| {
        let command_line = format!("bench --from {file} --report page.html");
        folder.run(&command_line).assert_error(needles);
        assert!(!folder.path("page.html").exists());
    };
    failed("missing.json", &["cannot read missing.json"]);
    folder.write("other.json", "{\"schema_version\": 999}");
    failed("other.json", &["schema version 999", "measure again"]);
    folder.write("other.json", "{\"schema_version\": 2}");
    failed("other.json", &["other.json", "bench --json"]);
    let ended = folder.run("bench --from run.json --quick");
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

/// Alone on the machine: `cargo test --release --test cli -- --ignored two_quick_runs`.
#[test]
#[ignore = "takes two minutes, and means something on a quiet machine alone"]
fn two_quick_runs_end_within_a_minute_and_agree_within_15_percent() {
    let folder = Folder::new();
    let [one, other] = [(); 2].map(|()| {
        let text = folder.run("bench --quick --json").text();
        serde_json::from_str::<Value>(&text).unwrap()
    });
    let ratios = |report: &Value| {
        let seconds = report["seconds"].as_f64().unwrap();
        assert!(seconds < 60.0, "{seconds} s");
        let kernels = report["kernels"].as_array().unwrap().iter();
        let ratio = |kernel: &Value| {
            let names = ["size", "kernel", "variant"].map(|it| kernel[it].as_str().unwrap());
            (names.join(", "), kernel["over_reference"].as_f64().unwrap())
        };
        kernels.map(ratio).collect::<Vec<_>>()
    };
    let (ones, others) = (ratios(&one), ratios(&other));
    assert!(!ones.is_empty());
    assert_eq!(ones.len(), others.len());
    for ((what, a), (same, b)) in ones.iter().zip(&others) {
        assert_eq!(what, same);
        assert!((a / b).max(b / a) < 1.15, "{what}: {a} and {b}");
    }
}
