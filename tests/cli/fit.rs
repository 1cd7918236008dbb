//! `fit`: examples in, a folder out, which `classify` and `eval` take for a model.

use serde_json::{Value, json};

use crate::harness::{Folder, column};

const EXAMPLES: &str =
    "text,label\nthe sea,water\nrain and snow,water\na red dog,animal\na blue cat,animal\n";

#[test]
fn a_classifier_is_fitted_and_used() {
    let folder = Folder::new();
    folder.write("train.csv", EXAMPLES);
    let text = folder
        .run("fit --model tiny --train train.csv --out own --seed 3 --splits 2 --json")
        .text();
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        found["labels"],
        json!([{"label": "animal", "examples": 2}, {"label": "water", "examples": 2}])
    );
    let strengths = found["strengths"].as_array().unwrap();
    assert_eq!(
        column(strengths, "c"),
        json!([0.01, 0.1, 1.0, 10.0, 100.0, 1000.0])
    );
    let chosen = strengths.iter().find(|it| it["c"] == found["c"]).unwrap();
    assert_eq!(chosen["accuracies"].as_array().unwrap().len(), 2);
    assert_eq!((&found["examples"], &found["seed"]), (&json!(4), &json!(3)));

    let labels = &folder.run("classify 'the sea' --model own --json").lines()[0]["labels"];
    let labels = labels.as_array().unwrap();
    let mut names: Vec<&str> = labels
        .iter()
        .map(|it| it["label"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["animal", "water"]);
    let eval = folder
        .run("eval --task classify --data train.csv --model own --json")
        .text();
    let eval: Value = serde_json::from_str(&eval).unwrap();
    assert_eq!(eval["accuracy"], found["accuracy"]);
    let plan = folder.run("doctor --plan own").text();
    assert!(plan.contains("kernels of classify"), "{plan}");
    folder
        .run("embed sea --model own")
        .assert_error(&["a logit per label", "classify"]);

    // Again, over it, from JSON lines, as a table.
    let lines = [("the sea", 1), ("a red dog", 0)];
    let lines = lines.map(|(text, label)| json!({"t": text, "l": label}).to_string() + "\n");
    folder.write("train.jsonl", lines.concat());
    let table = folder.run(
        "fit --model tiny --train train.jsonl --text-field t --label-field l --C 5 --class-weight balanced --out own",
    );
    let table = table.text();
    for part in [
        "2 examples: 0 1, 1 1",
        "C 5 finds the labels of 1.000",
        "--model own",
    ] {
        assert!(table.contains(part), "no {part}: {table}");
    }
    assert!(!table.contains("spread"), "nothing was chosen: {table}");
    assert_eq!(folder.names().len(), 4, "{:?}", folder.names());
}

#[test]
fn what_is_no_classifier_is_said() {
    let folder = Folder::new();
    let fit = |csv: &str, options: &str| {
        folder.write("train.csv", csv);
        folder.run(&format!("fit --model tiny --train train.csv {options}"))
    };
    fit("text,label\na,x\nb,x\n", "--out own").assert_error(&["1 label", "\"x\"", "another"]);
    fit("text,label\na,x\nb,y\nc,y\n", "--out own").assert_error(&["\"x\"", "one example"]);
    fit("text,label\na,x\nb,\n", "--out own").assert_error(&["line 3", "empty label"]);
    fit("text,label\n", "--out own").assert_error(&["no records"]);
    fit("text,class\na,x\n", "--out own").assert_error(&["line 2", "\"class\"", "--label-field"]);
    fit(EXAMPLES, "--out tiny").assert_error(&["tiny", "another folder"]);
    fit(EXAMPLES, "--out no/such").assert_error(&["no/such"]);
    for usage in [
        "",
        "--out own --C 0",
        "--out own --C x",
        "--out own --C 1 --seed 2",
    ] {
        let ended = fit(EXAMPLES, usage);
        assert_eq!(ended.code, 2, "{usage}: {}", ended.stderr);
    }
    assert!(!folder.names().contains("own"));
}
