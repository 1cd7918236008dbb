//! `verify`: every kernel, and every step of a model.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Folder, ROOT};

#[test]
fn verify_lists_every_kernel_and_every_step_of_a_model() {
    let folder = Folder::new();
    let model = format!("'{ROOT}/tests/data/heads/bert-sequences'");
    let report = folder.run(&format!("verify --model {model} --json"));
    let report = report.bytes();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let name = report["adapter"]["name"].as_str().unwrap();
    let rows = report["results"].as_array().unwrap();
    let kernels: BTreeSet<&str> = rows
        .iter()
        .map(|row| row["kernel"].as_str().unwrap())
        .collect();
    let shaders = wgformer::ops::KERNELS.iter().map(|kernel| kernel.name);
    assert_eq!(kernels, shaders.collect());
    for row in rows {
        match row["verdict"].as_str().unwrap() {
            "pass" => {
                let (worst, tolerance) = (row["worst"].as_f64(), row["tolerance"].as_f64());
                assert!(
                    row["cases"].as_u64() > Some(0) && worst <= tolerance,
                    "{row}"
                );
                assert!(row["reason"].is_null(), "{row}");
            }
            "skipped" => assert!(!row["reason"].as_str().unwrap().is_empty(), "{row}"),
            _ => panic!("{row}"),
        }
    }
    // The model's own steps: embeddings, seven of its layer, a pooling, which is the mean and of its head the first token,
    // and two layers of that.
    let steps = rows
        .iter()
        .filter(|row| row["operation"].as_str().unwrap().contains('.'));
    assert_eq!(steps.count(), 1 + 7 + 1 + 2, "{report}");
    assert!(!name.is_empty());

    for wrong in ["verify --model nowhere", "verify --adapter nowhere"] {
        folder.run(wrong).assert_error(&["nowhere"]);
    }
}
