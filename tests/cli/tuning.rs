//! `tune`, `doctor --plan` and `--variant`: what runs, why, and how to have it otherwise.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use wgformer::tuning::{AdapterClass, Measurements};

use crate::harness::{Folder, ROOT, column, run};

/// With a cache folder of its own, so that nobody's measurements are used or replaced.
fn command(folder: &Folder, command_line: &str) -> Command {
    let mut command = folder.command(command_line);
    command.env("XDG_CACHE_HOME", folder.path("cache"));
    command.env("LOCALAPPDATA", folder.path("cache"));
    command.env("HOME", folder.path("home"));
    command
}

fn document(folder: &Folder, command_line: &str) -> Value {
    serde_json::from_str(&run(&mut command(folder, command_line), b"").text()).unwrap()
}

#[test]
fn doctor_shows_what_runs_each_step_of_a_model_and_why() {
    let folder = Folder::new();
    let text = run(&mut command(&folder, "doctor --plan tiny"), b"").text();
    let gpu = wgformer::Gpu::new().unwrap();
    let class = AdapterClass::of(gpu.capabilities());
    let choice = format!("kernels of embed: the built-in choice for {class}; docs/performance.md");
    assert!(text.contains(&choice), "no {choice} in {text}");
    assert!(text.contains(" f32 weights, "), "{text}");
    let report = document(&folder, "doctor --plan tiny --dtype int8 --json");
    let plan = &report["plans"][0];
    assert!(
        plan["summary"]
            .as_str()
            .unwrap()
            .contains(" int8 weights, ")
    );
    let first = |key| plan["steps"][0][key].as_str().unwrap();
    assert!(first("step").contains(first("kernel")));
    assert!(first("kernel").starts_with("embedding_sum"));
    assert!(first("reason").starts_with("built in"));
    let masked_lm = format!("'{ROOT}/tests/data/heads/bert-masked-lm'");
    let report = document(&folder, &format!("doctor --plan {masked_lm} --json"));
    let plans = report["plans"].as_array().unwrap();
    assert_eq!(
        column(plans, "command"),
        json!(["embed", "embed --sparse", "fill"])
    );
    assert_eq!(plans[2]["steps"].as_array().unwrap().len(), 3, "{report}");
    let splade = format!("'{ROOT}/tests/data/retrieval/splade-sum'");
    let report = document(&folder, &format!("doctor --plan {splade} --json"));
    let commands = column(report["plans"].as_array().unwrap(), "command");
    assert_eq!(commands, json!(["embed --sparse", "fill"]));
    let without = document(&folder, "doctor --json");
    assert!(without.get("plans").is_none());
    run(&mut command(&folder, "doctor --plan nothing"), b"").assert_error(&["nothing"]);
}

#[test]
fn what_tune_measures_is_used_from_then_on_unless_it_is_damaged() {
    let folder = Folder::new();
    let report = document(&folder, "tune --model tiny --dtype f32 --json");
    let file = report["file"].as_str().unwrap();
    let reason = || {
        let ended = run(&mut command(&folder, "doctor --plan tiny --json"), b"");
        let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
        report["plans"][0]["reason"].as_str().unwrap().to_owned()
    };
    let embed = || run(&mut command(&folder, "embed --model tiny hello"), b"");
    let before = embed().text();
    assert!(!report["measured"].as_array().unwrap().is_empty());
    assert!(reason().contains(file), "{}", reason());

    // Whatever runs, the bits are the same; and what is ignored is said once, unless RUST_LOG says otherwise.
    let whole = fs::read_to_string(file).unwrap();
    let of_other_tiles = whole.replace("\"of\": \"", "\"of\": \"0");
    for (damaged, why) in [
        ("{", "ignored: "),
        (&of_other_tiles, "from other kernels or tiles"),
    ] {
        fs::write(file, damaged).unwrap();
        assert!(reason().starts_with("the built-in choice"), "{}", reason());
        let after = embed();
        let warnings: Vec<&str> = after.stderr.lines().collect();
        let is_warning = |line: &str| line.starts_with("warning: ") && line.contains(why);
        assert!(
            warnings.len() == 1 && is_warning(warnings[0]),
            "{warnings:?}"
        );
        assert_eq!(String::from_utf8(after.stdout).unwrap(), before);
        let mut silent = command(&folder, "embed --model tiny hello");
        assert_eq!(run(silent.env("RUST_LOG", "off"), b"").text(), before);
    }
}

#[test]
fn tune_measures_nothing_after_its_time() {
    let folder = Folder::new();
    let shapes = |command_line: &str| {
        let report = document(&folder, command_line);
        let measured = report["measured"].as_array().unwrap().len() as u64;
        let left = report["left"].as_u64().unwrap();
        assert_eq!(report["complete"], left == 0, "{report}");
        [measured, left]
    };
    let [measured, left] = shapes("tune --model tiny --dtype f32 --seconds 600 --json");
    assert_eq!(left, 0);
    let at_once = shapes("tune --model tiny --dtype f32 --seconds 0 --json");
    assert_eq!(at_once, [0, measured]);
}

#[test]
fn doctor_says_why_a_file_of_measurements_is_ignored() {
    let folder = Folder::new();
    let report = document(&folder, "tune --model tiny --json");
    let file = Path::new(report["file"].as_str().unwrap());
    let assert_reason = |why: &str| {
        let report = document(&folder, "doctor --plan tiny --json");
        let reason = report["plans"][0]["reason"].as_str().unwrap();
        assert!(reason.starts_with("the built-in choice"), "{reason}");
        let ignored = format!("; ignored: {}: {why}", file.display());
        assert!(reason.contains(&ignored), "{reason}");
    };
    let gpu = wgformer::Gpu::new().unwrap();
    Measurements::new(gpu.capabilities()).write(file).unwrap();
    assert_reason("it says nothing of this model with f32 weights");
    let json = fs::read_to_string(file).unwrap();
    fs::write(file, json.replace("\"wgpu\": \"", "\"wgpu\": \"0")).unwrap();
    assert_reason("it was measured on another adapter, driver or version; measure again");
    fs::write(file, "{").unwrap();
    assert_reason("EOF");
}

#[test]
fn a_variant_is_named_by_operation_and_kernel() {
    let folder = Folder::new();
    let usage = |arguments: &str, needle: &str| {
        let ended = run(&mut command(&folder, arguments), b"");
        assert_eq!(ended.code, 2, "{arguments}");
        assert!(ended.stderr.contains(needle), "{}", ended.stderr);
    };
    usage(
        "embed --model tiny --variant matmul hello",
        "OPERATION=VARIANT",
    );
    usage(
        "embed --model tiny --variant matmul=activation hello",
        "linear_tile",
    );
    usage(
        "embed --model tiny --variant sum=linear hello",
        "attention, ",
    );

    let report = document(&folder, "doctor --plan tiny --json");
    let steps = report["plans"][0]["steps"].as_array().unwrap();
    let names = [
        "linear_texture",
        "linear_cooperative_8",
        "linear_small",
        "linear_tile",
        "linear",
    ];
    let used = names
        .into_iter()
        .find(|name| steps.iter().any(|step| step["kernel"] == *name))
        .unwrap();
    let plain = run(&mut command(&folder, "embed --model tiny hello"), b"").text();
    let named = format!("embed --model tiny --variant matmul={used} hello");
    assert_eq!(run(&mut command(&folder, &named), b"").text(), plain);

    // On buffers, also where the adapter prefers textures.
    let named = "embed --model tiny --variant matmul=linear hello";
    let portable = run(&mut command(&folder, named), b"").text();
    let vector = |text: &str| {
        let line: Value = serde_json::from_str(text).unwrap();
        let numbers = line["embedding"].as_array().unwrap().iter();
        numbers.map(|it| it.as_f64().unwrap()).collect::<Vec<_>>()
    };
    let pairs = vector(&portable).into_iter().zip(vector(&plain));
    assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) < 1e-5);

    // No software adapter has both.
    let other = if used == "linear_texture" {
        "linear_tile"
    } else {
        "linear_texture"
    };
    let named = format!("embed --model tiny --variant matmul={other} hello");
    run(&mut command(&folder, &named), b"").assert_error(&[other, used]);
}
