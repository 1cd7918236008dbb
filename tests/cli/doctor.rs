//! `doctor`, and the adapter that is taken; its `--plan` is in `tuning.rs`.

use serde_json::Value;

use crate::harness::{Folder, column};

#[test]
fn doctor_says_what_there_is_and_that_it_computes_correctly() {
    let folder = Folder::new();
    let report = folder.run("doctor --json").bytes();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let adapters = report["adapters"].as_array().unwrap();
    assert_eq!(
        column(adapters, "index"),
        (0..adapters.len()).collect::<Value>()
    );
    let chosen = &adapters[report["chosen"].as_u64().unwrap() as usize];
    assert!(!chosen["name"].as_str().unwrap().is_empty(), "{report}");
    assert!(!report["reason"].as_str().unwrap().is_empty(), "{report}");
    assert_eq!(report["self_test"]["verdict"], "pass", "{report}");
    let results = report["self_test"]["results"].as_array().unwrap();
    assert!(results.len() > 5, "{report}");
    assert!(
        results.iter().all(|row| row["verdict"] != "fail"),
        "{report}"
    );

    let printed = folder.run("doctor --adapter 0").text();
    let first = adapters[0]["name"].as_str().unwrap();
    assert!(printed.contains(&format!("* 0: {first}\n")), "{printed}");
    assert!(
        printed.contains("chosen: 0 (--adapter names it)"),
        "{printed}"
    );
    assert!(
        printed.contains("checks agree with the reference"),
        "{printed}"
    );
}

#[test]
fn an_adapter_is_chosen_by_number_or_by_a_part_of_its_name() {
    let folder = Folder::new();
    let report = folder.run("doctor --json").bytes();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let name = report["adapters"][0]["name"].as_str().unwrap();
    for adapter in ["0", name, &name[1..].to_uppercase()] {
        let ended = folder.embed(&format!("sea --adapter '{adapter}'"));
        assert_eq!(ended.lines().len(), 1, "{adapter}");
    }
    let available = format!("0: {name}");
    for unknown in ["nonsense", "99"] {
        let needles = [&format!("{unknown:?}"), available.as_str()];
        folder
            .embed(&format!("sea --adapter {unknown}"))
            .assert_error(&needles);
        folder
            .run(&format!("doctor --adapter {unknown}"))
            .assert_error(&needles);
    }
}
