//! Where texts come from and where results go: files, standard input and pipes.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use serde_json::json;

use crate::generated_model::HIDDEN;
use crate::harness::{Ended, Folder, column, mixed_lines, npy};

#[test]
fn every_line_of_a_file_or_of_standard_input_is_a_text() {
    let folder = Folder::new();
    // A byte-order mark counts only at the start.
    let input = "\u{feff}hello world\r\n\r\n\nsnow\u{feff} \nrain\r\nsea";
    folder.write("input.txt", input);
    let lines = folder.embed("--input input.txt").lines();
    let texts = json!(["hello world", "", "", "snow\u{feff} ", "rain", "sea"]);
    assert_eq!(column(&lines, "text"), texts);
    assert_eq!(column(&lines, "index"), json!([0, 1, 2, 3, 4, 5]));
    assert_eq!(column(&lines, "tokens"), json!([4, 2, 2, 3, 3, 3]));

    let piped = folder.run_with_stdin("embed --model tiny --input -", input.as_bytes());
    assert_eq!(piped.lines(), lines);
    // The last line may have an end or none.
    folder.write("ended.txt", format!("{input}\r\n"));
    assert_eq!(folder.embed("--input ended.txt").lines(), lines);
    let typed = folder.embed("'hello world' '' '' 'snow\u{feff} ' rain sea");
    assert_eq!(typed.lines(), lines);
}

#[test]
fn an_input_that_cannot_be_read_is_named() {
    let folder = Folder::new();
    let invalid = b"sea\nsun\nra\xffin\nsnow\n";
    folder.write("input.txt", invalid);
    let needles = ["input.txt: line 3 is not valid UTF-8"];
    folder
        .embed("--input input.txt --output out.jsonl")
        .assert_error(&needles);
    folder
        .run("search sea --model tiny --input input.txt")
        .assert_error(&needles);
    let command_line = "embed --model tiny --input - --output out.jsonl";
    let piped = folder.run_with_stdin(command_line, invalid);
    piped.assert_error(&["standard input: line 3 is not valid UTF-8"]);
    // What is printed rather than kept has been printed by then.
    let Ended { code, stdout, .. } = folder.embed("--input input.txt");
    assert_eq!((code, stdout), (1, folder.embed("sea sun").bytes()));
    folder.embed("--input lost.txt").assert_error(&["lost.txt"]);
    folder.embed("--input tiny").assert_error(&["tiny"]);
}

#[test]
fn an_output_never_takes_the_place_of_its_input() {
    let folder = Folder::new();
    let input = r#"{"text":"sea"}"#;
    folder.write("x.jsonl", input);
    let mut outputs = vec!["x.jsonl", "./x.jsonl", "tiny/../x.jsonl"];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("x.jsonl", folder.path("link.jsonl")).unwrap();
        outputs.push("link.jsonl");
    }
    for output in outputs {
        for more in ["", "--resume", "--sparse"] {
            let command_line = format!("--input x.jsonl --output {output} {more}");
            let needles = [
                "and it would replace it",
                output,
                "x.jsonl",
                "another --output",
            ];
            folder.embed(&command_line).assert_error(&needles);
            assert_eq!(folder.read("x.jsonl"), input.as_bytes());
        }
    }
    folder.embed("--input x.jsonl --output y.jsonl").bytes();
    assert_eq!(folder.read("x.jsonl"), input.as_bytes());
}

#[test]
fn an_empty_file_has_no_texts_and_that_is_no_error() {
    let folder = Folder::new();
    folder.write("empty.txt", "");
    let no_rows = (vec![0, HIDDEN as u64], vec![]);
    assert_eq!(folder.embed("--input empty.txt").text(), "");
    let array = folder.embed("--input empty.txt --format npy").bytes();
    assert_eq!(npy::<f32>(&array), no_rows);
    folder
        .embed("--input empty.txt --format npy --pooling none --output out.npy")
        .bytes();
    assert_eq!(npy::<f32>(&folder.read("out.npy")), no_rows);
    assert_eq!(
        npy::<u64>(&folder.read("out.offsets.npy")),
        (vec![1], vec![0])
    );
    let search = folder.run("search sea --model tiny --input empty.txt --json");
    assert_eq!(search.text(), "");
}

#[test]
fn an_output_file_holds_what_would_have_been_printed() {
    let folder = Folder::new();
    let printed = folder.embed("sea sun").bytes();
    assert_eq!(folder.embed("sea sun --output -").bytes(), printed);
    folder.write("old.jsonl", "something old, and longer than nothing");
    for name in ["new.jsonl", "old.jsonl"] {
        assert_eq!(folder.embed(&format!("sea sun --output {name}")).text(), "");
        assert_eq!(folder.read(name), printed, "{name}");
    }
    let array = folder.embed("sea sun --format npy").bytes();
    folder
        .embed("sea sun --format npy --output new.npy")
        .bytes();
    assert_eq!(folder.read("new.npy"), array);
    let names = ["tiny", "new.jsonl", "old.jsonl", "new.npy"];
    assert_eq!(folder.names(), names.map(str::to_owned).into());
}

#[test]
fn a_run_that_fails_leaves_every_file_as_it_was() {
    let folder = Folder::new();
    // More texts than are embedded at once come before the line that cannot be read.
    folder.write(
        "input.txt",
        [&b"sea\n".repeat(1100)[..], b"\xff\n"].concat(),
    );
    folder.write("old.jsonl", "old");
    folder.write("file", "");
    let names = folder.names();
    for output in [
        "new.jsonl",
        "old.jsonl",
        "new.npy --format npy --pooling none",
    ] {
        let ended = folder.embed(&format!("--input input.txt --output {output}"));
        ended.assert_error(&["input.txt: line 1101"]);
    }
    // No such folder, a file in the place of a folder, and a folder in the place of the file.
    for output in ["lost/new.jsonl", "file/new.jsonl", "tiny"] {
        let ended = folder.embed(&format!("sea --output {output}"));
        ended.assert_error(&[&format!("cannot write {output}: ")]);
    }
    folder
        .run("embed sea --model lost --output new.jsonl")
        .assert_error(&["lost"]);
    assert_eq!(folder.names(), names);
    assert_eq!(folder.read("old.jsonl"), b"old");
}

#[test]
fn whoever_reads_the_output_may_stop_early() {
    let folder = Folder::new();
    folder.write("input.txt", mixed_lines(2100).join("\n"));
    for command_line in [
        "embed --model tiny --input input.txt",
        "embed --model tiny --input input.txt --format npy",
        "search sea --model tiny --input input.txt --top 2100",
        "search sea --model tiny --input input.txt --top 2100 --json",
    ] {
        let mut command = folder.command(command_line);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // More is to come than a pipe holds.
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = Vec::new();
        stdout.read_until(b'\n', &mut line).unwrap();
        assert!(line.ends_with(b"\n"), "{command_line}");
        drop(stdout);
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(
            (status.code(), stderr.as_str()),
            (Some(0), ""),
            "{command_line}"
        );
    }
}
