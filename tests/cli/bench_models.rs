//! `bench` of whole models, and of two settings in turns.

use serde_json::{Value, json};

use crate::harness::{Ended, Folder};

/// So little of anything else as may be.
fn bench(folder: &Folder, arguments: &str) -> Value {
    let command_line = format!("bench --quick --shape minilm-l6 --json {arguments}");
    serde_json::from_str(&folder.run(&command_line).text()).unwrap()
}

#[test]
fn a_model_has_its_loads_its_memory_and_a_row_for_each_batch() {
    let folder = Folder::new();
    let report = bench(
        &folder,
        "--model tiny --dtype f32 --dtype int8 --time-budget 25s",
    );
    let models = report["models"].as_array().unwrap();
    assert_eq!(models.len(), 2, "{report}");
    for (model, dtype) in models.iter().zip(["f32", "int8"]) {
        assert_eq!(model["model"], "tiny");
        assert_eq!(model["dtype"], dtype);
        assert_eq!(model["synthetic"], false);
        for time in ["cold_load", "warm_load", "first_run"] {
            assert!(model[time].as_f64().unwrap() > 0.0, "{time}: {model}");
        }
        for memory in ["weights", "activations", "staging"] {
            assert!(
                model["memory"][memory].as_u64().unwrap() > 0,
                "{memory}: {model}"
            );
        }
        let run = &model["runs"][0];
        assert_eq!((&run["texts"], &run["tokens"]), (&json!(1), &json!(16)));
        let number = |name: &str| run[name].as_f64().unwrap();
        for run in model["runs"].as_array().unwrap() {
            let samples = run["time"]["samples"].as_u64().unwrap();
            for (percentile, least) in [("p95", 20), ("p99", 100)] {
                let told = run[percentile].as_f64();
                assert_eq!(told.is_some(), samples >= least, "{run}");
                assert!(run["p50"].as_f64() <= told.or(Some(f64::MAX)), "{run}");
            }
        }
        let rates = number("tokens_per_second") / number("texts_per_second");
        assert!((rates - 16.0).abs() < 1e-9, "{run}");
    }
    assert!(models[1]["memory"]["weights"].as_u64() < models[0]["memory"]["weights"].as_u64());

    // The same run beside itself: nothing is slower.
    folder.write("a.json", report.to_string());
    let text = folder
        .run("bench compare a.json a.json --fail-above 0%")
        .text();
    assert!(text.contains("tiny, int8: 1 x 16 tokens"), "{text}");
    assert!(text.contains("tiny, f32: warm load"), "{text}");
    let lost = folder.run("bench compare a.json lost.json");
    lost.assert_error(&["cannot read lost.json: "]);
    // And where it takes twice as long, the batch is named; loads are measured once, which proves nothing.
    let steady = with_spreads(report, 0.01);
    folder.write("a.json", steady.to_string());
    let mut slower = steady.clone();
    let model = &mut slower["models"][0];
    model["warm_load"] = json!(100.0);
    let median = model["runs"][0]["time"]["median"].as_f64().unwrap();
    model["runs"][0]["time"]["median"] = json!(2.0 * median);
    let compare = |after: &Value| {
        folder.write("b.json", after.to_string());
        folder.run("bench compare a.json b.json --fail-above 50%")
    };
    compare(&slower).assert_worse("1 of ", "tiny, f32: 1 x 16");
    // Not on a machine of which the reference takes twice as long too, nor where either run is that unsteady.
    let mut machine = slower.clone();
    divide(&mut machine["reference"]["flops_per_second"], 2.0);
    machine["models"][0]["warm_load"] = steady["models"][0]["warm_load"].clone();
    assert_eq!(compare(&machine).code, 0);
    let unsteady = with_spreads(slower, 0.6);
    assert_eq!(compare(&unsteady).code, 0);
    // What is no longer there is named, unless there was no time for it.
    let mut fewer = steady;
    fewer["models"][0]["runs"].as_array_mut().unwrap().remove(0);
    fewer["left_out"] = json!([]);
    compare(&fewer).assert_worse("1 missing ", "tiny, f32: 1 x 16 tokens");
    fewer["left_out"] = json!(["tiny, f32: 1 x 16, 32 x 512 tokens"]);
    assert_eq!(compare(&fewer).code, 0);
}

/// With that spread of everything.
fn with_spreads(mut document: Value, spread: f64) -> Value {
    let children: Vec<&mut Value> = match &mut document {
        Value::Object(fields) => fields.values_mut().collect(),
        Value::Array(values) => values.iter_mut().collect(),
        _ => vec![],
    };
    for child in children {
        *child = with_spreads(child.take(), spread);
    }
    if document.get("spread").is_some() {
        document["spread"] = json!(spread);
    }
    document
}

fn divide(value: &mut Value, by: f64) {
    *value = json!(value.as_f64().unwrap() / by);
}

impl Ended {
    /// `compare` failed, and said so of that.
    fn assert_worse(self, count: &str, what: &str) {
        let Self { code, stderr, .. } = self;
        assert_eq!(code, 1);
        assert!(stderr.contains(count) && stderr.contains(what), "{stderr}");
    }
}

#[test]
fn runs_are_compared_by_rates_and_ratios_and_nothing_in_common_is_no_success() {
    let folder = Folder::new();
    let before = bench(&folder, "--kernel softmax --time-budget 20s");
    folder.write("a.json", before.to_string());
    // More work in more time, at twice the rate.
    let mut faster = before.clone();
    let arithmetic = &mut faster["device"]["arithmetic"][0];
    let rate = arithmetic["flops_per_second"].as_f64().unwrap();
    arithmetic["flops_per_second"] = json!(2.0 * rate);
    arithmetic["time"]["median"] = json!(1e3);
    // A machine that takes ten times as long, for the plain kernel as for the reference product.
    for kernel in faster["kernels"].as_array_mut().unwrap() {
        divide(&mut kernel["time"]["median"], 0.1);
    }
    divide(&mut faster["reference"]["flops_per_second"], 10.0);
    // What the device itself does is no fault of the engine's.
    divide(&mut faster["device"]["submit"]["median"], 0.1);
    folder.write("b.json", faster.to_string());
    let text = folder
        .run("bench compare a.json b.json --fail-above 5% --json")
        .text();
    let comparison: Value = serde_json::from_str(&text).unwrap();
    let changes = comparison["changes"].as_array().unwrap();
    let change = |what: &str| {
        let mut changes = changes.iter();
        changes
            .find(|it| it["what"].as_str().unwrap().contains(what))
            .unwrap()
    };
    assert_eq!(change("arithmetic, f32")["ratio"], 0.5, "{text}");
    assert!(change("submit")["ratio"].as_f64().unwrap() > 9.9, "{text}");
    let softmax = change("on softmax,");
    assert_eq!(softmax["unit"], "s, beside the reference");
    let ratio = softmax["ratio"].as_f64().unwrap();
    assert!((ratio - 1.0).abs() < 1e-9, "{text}");
    // By its rate: two adapters may have products of other sizes.
    let mut references = changes.iter().filter(|it| it["what"] == "reference");
    let reference = references.next().unwrap();
    assert_eq!(reference["unit"], "FLOP/s");
    let ratio = reference["ratio"].as_f64().unwrap();
    assert!((ratio - 10.0).abs() < 1e-9, "{text}");

    let compare = |after: &Value| {
        folder.write("b.json", after.to_string());
        folder.run("bench compare a.json b.json --fail-above 5%")
    };
    // A plain kernel is slower by itself, though as fast beside itself as ever.
    let mut slower = with_spreads(faster, 0.01);
    slower["reference"] = before["reference"].clone();
    let all = before["kernels"].as_array().unwrap().len();
    compare(&slower).assert_worse(&format!("{all} of "), "on softmax,");
    // One that computes wrongly now, and those that are no longer there.
    let mut wrong = before.clone();
    wrong["wrong"] = json!(["softmax f32, softmax 37 x 384"]);
    compare(&wrong).assert_worse("1 computing wrongly ", "softmax 37 x 384");
    folder.write("wrong.json", wrong.to_string());
    let known = folder.run("bench compare wrong.json wrong.json --fail-above 5%");
    assert_eq!(known.code, 0, "{}", known.stderr);
    let mut fewer = before.clone();
    let kernels = fewer["kernels"].as_array_mut().unwrap();
    let gone = kernels.remove(0)["tokens"].clone();
    compare(&fewer).assert_worse("1 missing ", "on softmax,");
    let shown = folder.run("bench compare a.json b.json").text();
    assert!(
        shown.contains("missing from the second run: minilm-l6: softmax"),
        "{shown}"
    );
    fewer["left_out"] = json!([format!("minilm-l6: 1 kernel of {gone} tokens")]);
    assert_eq!(compare(&fewer).code, 0);

    let mut other = before;
    other["kernels"] = json!([]);
    other["adapter"]["name"] = json!("another");
    folder.write("c.json", other.to_string());
    let text = folder.run("bench compare a.json c.json").text();
    assert!(text.contains("before, on another adapter"), "{text}");
    folder
        .run("bench compare a.json c.json --fail-above 5%")
        .assert_error(&["nothing to fail on"]);
}

#[test]
fn a_shape_is_measured_without_a_checkpoint_and_not_after_its_time() {
    let folder = Folder::new();
    let report = bench(&folder, "--dtype f16 --time-budget 0s");
    assert_eq!(report["models"], json!([]));
    assert_eq!(report["kernels"], json!([]));
    let left_out = json!([
        "minilm-l6: all of 16, 128 tokens",
        "minilm-l6, f16: 1 x 16, 1 x 128, 8 x 128 tokens"
    ]);
    assert_eq!(report["left_out"], left_out);
    let device = report["seconds"].as_f64().unwrap();
    let report = bench(&folder, "--dtype f16 --time-budget 30s");
    let model = &report["models"][0];
    assert_eq!(
        (&model["model"], &model["synthetic"]),
        (&json!("minilm-l6"), &json!(true))
    );
    // 22.7 million parameters, nearly all of them in matrices.
    let weights = model["memory"]["weights"].as_f64().unwrap();
    assert!((2.0 * 22.5e6..2.0 * 23.5e6).contains(&weights), "{weights}");

    // Of all sizes, on the largest of which a kernel takes seconds.
    let text = folder.run("bench --time-budget 10s --json").text();
    let report: Value = serde_json::from_str(&text).unwrap();
    let seconds = report["seconds"].as_f64().unwrap();
    assert!(seconds < 20.0 + device, "{seconds} and {device}");
    let left_out = report["left_out"].as_array().unwrap();
    let mut lines = left_out.iter().map(|line| line.as_str().unwrap());
    assert!(
        lines.any(|line| line.starts_with("bert-large: all of ")),
        "{left_out:?}"
    );
}

#[test]
fn two_settings_in_turns_are_ratios() {
    let folder = Folder::new();
    let report = bench(
        &folder,
        "--variant matmul=linear,linear_small --model tiny --dtype f32 --time-budget 20s",
    );
    let turns = &report["alternation"];
    assert_eq!(turns["sides"], json!(["linear", "linear_small"]));
    let ratios = turns["ratios"].as_array().unwrap();
    assert!(
        ratios[0]["what"].as_str().unwrap().contains("linear"),
        "{turns}"
    );
    for ratio in ratios {
        assert!(ratio["ratio"]["samples"].as_u64().unwrap() >= 5, "{ratio}");
        assert!(ratio["ratio"]["median"].as_f64().unwrap() > 0.0, "{ratio}");
    }
    assert_eq!(
        (&report["kernels"], &report["models"]),
        (&json!([]), &json!([]))
    );

    // Their samples are among those that may be unsteady.
    folder.write("turns.json", report.to_string());
    let shown = folder.run("bench --from turns.json").text();
    assert!(!shown.contains("among 0 samples"), "{shown}");

    // In turns, too, what is slower is found.
    let report = with_spreads(report, 0.01);
    folder.write("a.json", report.to_string());
    let mut slower = report;
    for ratio in slower["alternation"]["ratios"].as_array_mut().unwrap() {
        let median = ratio["ratio"]["median"].as_f64().unwrap();
        ratio["ratio"]["median"] = json!(3.0 * median);
    }
    folder.write("b.json", slower.to_string());
    let Ended { code, stderr, .. } = folder.run("bench compare a.json b.json --fail-above 10%");
    assert_eq!(code, 1);
    assert!(stderr.contains("in turns, "), "{stderr}");
}

#[test]
fn what_neither_side_runs_has_not_been_short_of_time() {
    let folder = Folder::new();
    let arguments =
        "--variant softmax=softmax,softmax_vec4 --model tiny --dtype f32 --time-budget 0s";
    let report = bench(&folder, arguments);
    let left_out = json!([
        "minilm-l6: softmax, 384, of 128 tokens",
        "minilm-l6: softmax, 384, of 16 tokens",
        "tiny, f32: 1 x 16, 1 x 128, 8 x 128 tokens"
    ]);
    assert_eq!(report["left_out"], left_out);
}

/// With the last adapter there is, which is another one where there are several.
#[test]
fn two_adapters_in_turns_are_ratios() {
    let folder = Folder::new();
    let doctor: Value = serde_json::from_str(&folder.run("doctor --json").text()).unwrap();
    let adapters = doctor["adapters"].as_array().unwrap();
    let last = adapters.len() - 1;
    let report = bench(
        &folder,
        &format!("--adapter 0 --against {last} --model tiny --dtype f32 --time-budget 30s"),
    );
    let turns = &report["alternation"];
    let name = |side: usize| turns["sides"][side].as_str().unwrap();
    assert_eq!(name(0) == name(1), last == 0, "{turns}");
    for (side, adapter) in [&adapters[0], &adapters[last]].into_iter().enumerate() {
        assert!(
            name(side).contains(adapter["backend"].as_str().unwrap()),
            "{turns}"
        );
    }
    let ratios = turns["ratios"].as_array().unwrap();
    let called = |what: &str| {
        let mut ratios = ratios.iter();
        let ratio = ratios.find(|it| it["what"].as_str().unwrap().contains(what));
        ratio.unwrap_or_else(|| panic!("no {what}: {report}"))
    };
    // What each runs by itself.
    let kernel = called("minilm-l6: qkv_linear 128 tokens");
    for side in 0..2 {
        let kernel = kernel["kernels"][side].as_str().unwrap();
        assert!(kernel.starts_with("linear"), "{kernel}");
    }
    let first = called("tiny, f32: 1 x 16 tokens");
    assert_eq!(first["kernels"], Value::Null);
    let ratio = first["ratio"]["median"].as_f64().unwrap();
    assert!(ratio > 0.0, "{first}");
    if last == 0 {
        assert!((0.2..5.0).contains(&ratio), "{first}");
    }
}

#[test]
fn what_nobody_knows_is_an_error_before_anything_is_measured() {
    let folder = Folder::new();
    folder
        .run("bench --kernel nonsense")
        .assert_error(&["nonsense", "linear_small", "softmax"]);
    folder
        .run("bench --kernel 'linear_small 7x7'")
        .assert_error(&["linear_small 7x7", "linear_small"]);
    folder
        .run("bench --model nowhere")
        .assert_error(&["nowhere"]);
    folder
        .run("bench --against nowhere")
        .assert_error(&["nowhere"]);
    for wrong in [
        "--kernel softmax --model tiny",
        "--variant matmul=linear",
        "--variant matmul=linear,softmax",
        "--variant matmul=linear,linear_small --against 0",
        "--dtype f64",
    ] {
        let ended = folder.run(&format!("bench {wrong}"));
        assert_eq!(ended.code, 2, "{wrong}: {}", ended.stderr);
    }
}
