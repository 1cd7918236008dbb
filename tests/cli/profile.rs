//! `embed --trace` and `--profile`: where the time went, beside the same results.

use serde_json::Value;

use crate::harness::{Folder, ROOT, mixed_lines};

/// The names of a trace's rows.
fn rows(trace: &Value) -> Vec<String> {
    let events = trace["traceEvents"].as_array().unwrap().iter();
    let rows = events.filter(|event| event["name"] == "thread_name");
    rows.map(|row| row["args"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_trace_has_a_row_per_thread_and_the_results_are_the_same() {
    let folder = Folder::new();
    folder.write("texts.txt", mixed_lines(600).join("\n"));
    let retrieval = |name: &str| format!("{ROOT}/tests/data/retrieval/{name}");
    let forms = [
        "--model tiny".to_owned(),
        "--model tiny --resume --output vectors.jsonl".to_owned(),
        format!("--model {} --multi", retrieval("colbert")),
        format!("--model {} --sparse", retrieval("splade")),
    ];
    for form in forms {
        let command_line = format!("embed --input texts.txt {form}");
        let plain = (folder.run(&command_line).bytes(), written(&folder));
        let traced = folder.run(&format!("{command_line} --trace trace.json"));
        assert_eq!((traced.bytes(), written(&folder)), plain, "{form}");

        let trace: Value = serde_json::from_slice(&folder.read("trace.json")).unwrap();
        let rows = rows(&trace);
        let of = |track: &str| -> Vec<&String> {
            rows.iter().filter(|it| it.starts_with(track)).collect()
        };
        for track in ["device", "upload", "encode", "read back", "tokenize"] {
            assert!(!of(track).is_empty(), "{track}: {rows:?}");
        }
        // A stream tokenises on a thread of its own.
        let thread = |row: &str| row.rsplit(' ').next().unwrap().to_owned();
        let runs = |it: &String| of("encode").iter().any(|row| thread(row) == thread(it));
        let is_apart = of("tokenize").into_iter().any(|it| !runs(it));
        assert!(is_apart, "{form}: {rows:?}");
    }
}

/// By `--output`, and gone for the next run.
fn written(folder: &Folder) -> Option<Vec<u8>> {
    let name = "vectors.jsonl";
    let there = folder.names().contains(name);
    there.then(|| {
        let bytes = folder.read(name);
        std::fs::remove_file(folder.path(name)).unwrap();
        bytes
    })
}

#[test]
fn a_profile_is_a_table_beside_the_results() {
    let folder = Folder::new();
    let plain = folder.embed("sea sun").text();
    let profiled = folder.embed("sea sun --profile");
    assert_eq!(String::from_utf8(profiled.stdout).unwrap(), plain);
    let lines: Vec<&str> = profiled.stderr.lines().collect();
    for column in ["kernel", "clock", "calls", "time", "share", "FLOP/s", "B/s"] {
        assert!(lines[0].contains(column), "{lines:?}");
    }
    let row = |kernel: &str| {
        let mut rows = lines
            .iter()
            .filter(|line| line.trim_start().starts_with(kernel));
        rows.next()
            .unwrap_or_else(|| panic!("no {kernel}: {lines:?}"))
    };
    assert!(row("linear").contains(" %"), "{lines:?}");
    let host = row("on the host");
    assert!(
        host.contains("tokenize ") && host.contains("altogether "),
        "{host}"
    );
    // The tiny model's run has as many dispatches, each of which is in one row.
    let shares = lines
        .iter()
        .filter_map(|line| line.split(" %").next()?.rsplit(' ').next());
    let shares: f64 = shares.filter_map(|it| it.parse::<f64>().ok()).sum();
    assert!((shares - 100.0).abs() < 10.0, "{shares}: {lines:?}");
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error_at_once() {
    let folder = Folder::new();
    folder
        .run("embed sea --model nowhere --trace no/folder/trace.json")
        .assert_error(&["cannot write no/folder/trace.json"]);
    for same in ["--trace -", "--trace a.jsonl --output a.jsonl"] {
        let ended = folder.embed(&format!("sea {same}"));
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("--trace"), "{}", ended.stderr);
    }
    // Under whatever name, and whether it is there yet.
    folder.write("in.txt", "sea\n");
    for (command_line, needle) in [
        ("--input in.txt --trace ./in.txt", "--input in.txt"),
        ("sea --output a.jsonl --trace ./a.jsonl", "--output a.jsonl"),
    ] {
        let ended = folder.embed(command_line);
        ended.assert_error(&["--trace ./", needle, "name another --trace"]);
    }
    assert_eq!(folder.read("in.txt"), b"sea\n");
    // What failed later leaves none behind.
    let names = folder.names();
    let ended = folder.run("embed sea --model nowhere --trace trace.json");
    assert_eq!((ended.code, folder.names()), (1, names));
}
