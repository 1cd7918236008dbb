//! `embed --resume`: however often a run is ended, what comes out in the end is what one run gives.

use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wgformer::verify::Random;

use crate::harness::{Folder, mixed_lines};

const CHECKPOINT: &str = "out.partial.json";

/// Small batches, so that there is time to end a run.
const EMBED: &str = "embed --model tiny --batch-tokens 32 --input input.txt";

fn start(folder: &Folder, command_line: &str) -> Child {
    let mut command = folder.command(command_line);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// How many texts are safe, as the checkpoint says.
fn safe(folder: &Folder, name: &str) -> u64 {
    let Ok(json) = fs::read(folder.path(name)) else {
        return 0;
    };
    serde_json::from_slice::<Value>(&json).unwrap()["rows"]
        .as_u64()
        .unwrap()
}

/// Ends a run by a kill as soon as its checkpoint says that more is safe than before; whether it was still running.
fn kill_after_progress(folder: &Folder, command_line: &str, name: &str, more: Duration) -> bool {
    let before = safe(folder, name);
    let mut child = start(folder, command_line);
    let patience = Instant::now() + Duration::from_secs(60);
    while safe(folder, name) <= before {
        assert!(Instant::now() < patience, "nothing is ever safe");
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    sleep(more);
    child.kill().unwrap(); // SIGKILL on Unix
    !child.wait().unwrap().success() // else it had ended before
}

#[test]
fn a_run_goes_on_where_an_earlier_one_was_torn_off() {
    let folder = ended_early(500);
    // As if it had been ended in the same input, in the middle of a text.
    folder.write("input.txt", mixed_lines(900).join("\n"));
    let mut checkpoint: Value = serde_json::from_slice(&folder.read(CHECKPOINT)).unwrap();
    let hash = twox_hash::XxHash3_128::oneshot(&folder.read("input.txt"));
    checkpoint["origin"]["input"] = format!("{hash:032x}").into();
    folder.write(CHECKPOINT, checkpoint.to_string());
    let torn = [&folder.read("out.partial")[..], b"\x05\0\0\0sno"].concat();
    folder.write("out.partial", torn);
    folder
        .embed("--input input.txt --output out --resume")
        .bytes();
    assert!(folder.read("out") == folder.embed("--input input.txt").bytes());
    let left = ["input.txt", "out", "tiny"].map(str::to_owned);
    assert_eq!(folder.names(), left.into());
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_bytes_of_one_run() {
    let folder = Folder::new();
    folder.write("input.txt", mixed_lines(5_000).join("\n"));
    let start = Instant::now();
    let lines = folder.run(EMBED).bytes();
    let is_slow = start.elapsed() > Duration::from_secs(4);
    let array = folder.run(&format!("{EMBED} --format npy")).bytes();
    let mut random = Random::new(7);
    let mut kills = 0;
    for (name, format, expected) in [("out", "jsonl", lines), ("out", "npy", array)] {
        let command_line = format!("{EMBED} --format {format} --output {name} --resume");
        for _ in 0..2 {
            let more = Duration::from_millis((500.0 * random.unit().abs()) as u64);
            if !kill_after_progress(&folder, &command_line, CHECKPOINT, more) {
                break;
            }
            kills += 1;
            if folder.names().contains(name) {
                assert!(folder.read(name) == expected, "not before it is whole");
            }
        }
        if folder.names().contains(CHECKPOINT) {
            assert_eq!(folder.run(&command_line).text(), "");
        }
        assert!(folder.read(name) == expected, "{format}");
        fs::remove_file(folder.path(name)).unwrap();
    }
    // A fast device may be done before anything is safe.
    assert!(kills >= 2 || !is_slow, "{kills}");
    let left = ["input.txt", "tiny"].map(str::to_owned);
    assert_eq!(folder.names(), left.into());
}

/// Also where a stream without --resume would hand out nothing before the end.
#[test]
fn what_a_few_batches_gave_is_safe_while_the_next_run() {
    let folder = Folder::new();
    let count = 24_000;
    folder.write("input.txt", mixed_lines(count).join("\n"));
    let start_of_run = Instant::now();
    // All texts have fewer tokens than 32 batches, and more than four.
    let embed = "embed --model tiny --batch-tokens 16384 --input input.txt";
    let mut child = start(&folder, &format!("{embed} --output out --resume"));
    let mut seen = Vec::new();
    while child.try_wait().unwrap().is_none() {
        seen.push(safe(&folder, CHECKPOINT));
        sleep(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success());
    let is_slow = start_of_run.elapsed() > Duration::from_secs(2);
    seen.dedup();
    // Not a row or two of the window that has come, but all of it.
    let is_part = |rows: &u64| *rows > 1000 && *rows < count as u64;
    assert!(seen.iter().any(is_part) || !is_slow, "{seen:?}");
}

#[test]
fn a_whole_run_removes_what_an_ended_one_left_but_nothing_of_anybody_else() {
    let folder = ended_early(20);
    folder.write("other.txt", "sea\n");
    let whole = "--input other.txt --output out";
    // Another run holds it, as a lock says.
    let data = fs::File::open(folder.path("out.partial")).unwrap();
    fs4::FileExt::try_lock(&data).unwrap();
    folder.embed(whole).bytes();
    assert_eq!(safe(&folder, CHECKPOINT), 20);
    drop(data);
    folder.embed(whole).bytes();
    let left = ["input.txt", "other.txt", "out", "tiny"].map(str::to_owned);
    assert_eq!(folder.names(), left.into());
    // Files that only have such names.
    for (name, content) in [("out.partial", "my notes"), (CHECKPOINT, "{}")] {
        folder.write(name, content);
    }
    folder.embed(whole).bytes();
    assert_eq!(folder.read("out.partial"), b"my notes");
    assert_eq!(folder.read(CHECKPOINT), b"{}");
}

#[test]
fn a_run_that_is_not_ended_leaves_its_output_alone() {
    let folder = Folder::new();
    folder.write("input.jsonl", "{\"body\":\"sea\"}\n{\"body\":\"sun\"}\n");
    folder.write("empty.txt", "");
    let command_line = "--input input.jsonl --field body --pooling none --output out.npy";
    folder.embed(command_line).bytes();
    let expected = ["out.npy", "out.offsets.npy"].map(|name| folder.read(name));
    let names = folder.names();
    folder.embed(&format!("{command_line} --resume")).bytes();
    let found = ["out.npy", "out.offsets.npy"].map(|name| folder.read(name));
    assert!(found == expected);
    folder
        .embed("--input empty.txt --output empty.npy --resume")
        .bytes();
    folder.embed("--input empty.txt --output fresh.npy").bytes();
    assert_eq!(folder.read("empty.npy"), folder.read("fresh.npy"));
    let added = ["empty.npy", "fresh.npy"].map(str::to_owned);
    assert_eq!(folder.names(), names.into_iter().chain(added).collect());
}

/// A folder in which a run ended at a line that cannot be read, after `count` others.
fn ended_early(count: usize) -> Folder {
    let folder = Folder::new();
    let lines = mixed_lines(count).join("\n");
    folder.write(
        "input.txt",
        [lines.as_bytes(), b"\nra\xffin\nsea\n"].concat(),
    );
    let ended = folder.embed("--input input.txt --output out --resume");
    ended.assert_error(&[&format!("input.txt: line {} is not valid UTF-8", count + 1)]);
    assert_eq!(
        safe(&folder, CHECKPOINT),
        count as u64,
        "all before it is kept"
    );
    folder
}

#[test]
fn another_input_model_or_option_is_refused_by_name() {
    let folder = ended_early(100);
    let resume = "--input input.txt --output out --resume";
    folder.add_model("other");
    let path = folder.path("other").join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["layer_norm_eps"] = json!(1e-6);
    fs::write(&path, config.to_string()).unwrap();
    folder.write(
        "more.txt",
        [folder.read("input.txt"), b"snow\n".to_vec()].concat(),
    );
    let model = "--model tiny";
    for (command_line, needle) in [
        (
            format!("{model} {resume} --dtype f16"),
            "with --dtype f32, and this run has --dtype f16",
        ),
        (
            format!("{model} {resume} --pooling cls"),
            "with no --pooling, and this run has --pooling cls",
        ),
        (
            format!("{model} {resume} --no-normalize"),
            "with no --no-normalize, and this run has --no-normalize",
        ),
        (
            format!("{model} {resume} --format npy"),
            "with --format jsonl, and this run has --format npy",
        ),
        (
            format!("{model} {resume} --input-format csv --field ''"),
            "--field",
        ),
        (
            format!("{model} {resume} --variant activation=activation"),
            "activation",
        ),
        (
            format!("{model} --input more.txt --output out --resume"),
            "with another input",
        ),
        (
            format!("--model other {resume}"),
            "with another model: its config.json was another",
        ),
    ] {
        let ended = folder.run(&format!("embed {command_line}"));
        ended.assert_error(&[needle]);
    }
    for (key, value, needle) in [
        ("wgformer", json!("0.0.1"), "by wgformer 0.0.1, and this is"),
        (
            "adapter",
            json!("Some GPU"),
            "on Some GPU, and this run is on",
        ),
        (
            "kernels",
            json!(["embedding_sum_of_old"]),
            "with embedding_sum_of_old for step 0, and this run has embedding_sum",
        ),
    ] {
        let before = folder.read(CHECKPOINT);
        let mut checkpoint: Value = serde_json::from_slice(&before).unwrap();
        checkpoint["origin"][key] = value;
        folder.write(CHECKPOINT, checkpoint.to_string());
        let needles = [
            "cannot resume from out.partial: it was begun ",
            needle,
            "delete out.partial and out.partial.json",
        ];
        folder.embed(resume).assert_error(&needles);
        folder.write(CHECKPOINT, before);
    }
    // None of that has touched anything. How a batch is made is no difference, nor where the input is.
    folder.write("same.txt", folder.read("input.txt"));
    let again = folder.embed("--input same.txt --output out --resume --batch-tokens 7");
    again.assert_error(&["same.txt: line 101"]);
    assert_eq!(safe(&folder, CHECKPOINT), 100);
}

#[test]
fn what_is_damaged_is_said_and_left_as_it_is() {
    let folder = ended_early(50);
    let (data, checkpoint) = (folder.read("out.partial"), folder.read(CHECKPOINT));
    let mut flipped = data.clone();
    flipped[data.len() / 2] ^= 1;
    /// What a file holds, if it is there.
    type Content<'a> = Option<&'a [u8]>;
    let cases: [(&str, Content<'_>, Content<'_>, &str); 7] = [
        (
            "cut",
            Some(&data[..data.len() - 1]),
            Some(&checkpoint),
            "it is damaged",
        ),
        (
            "flipped",
            Some(&flipped),
            Some(&checkpoint),
            "it is damaged",
        ),
        ("no data", None, Some(&checkpoint), "it is not there"),
        (
            "no checkpoint",
            Some(&data),
            None,
            "there is no out.partial.json",
        ),
        (
            "half a checkpoint",
            Some(&data),
            Some(&checkpoint[..40]),
            "out.partial.json is damaged",
        ),
        (
            "an empty checkpoint",
            Some(&data),
            Some(b""),
            "out.partial.json is damaged",
        ),
        (
            "another file",
            Some(&data),
            Some(b"{\"texts\":50}"),
            "out.partial.json is damaged",
        ),
    ];
    for (case, data, checkpoint, needle) in cases {
        for (name, content) in [("out.partial", data), (CHECKPOINT, checkpoint)] {
            match content {
                Some(content) => folder.write(name, content),
                None => fs::remove_file(folder.path(name)).unwrap(),
            }
        }
        let ended = folder.embed("--input input.txt --output out --resume");
        ended.assert_error(&[
            "cannot resume from out.partial",
            needle,
            "delete out.partial and",
        ]);
        let found = [("out.partial", data), (CHECKPOINT, checkpoint)];
        for (name, content) in found {
            assert_eq!(
                fs::read(folder.path(name)).ok().as_deref(),
                content,
                "{case}"
            );
        }
    }
}

#[test]
fn two_runs_never_write_the_same_partial_output() {
    let folder = Folder::new();
    folder.write("input.txt", mixed_lines(12_000).join("\n"));
    let command_line = format!("{EMBED} --output out --resume");
    let mut first = start(&folder, &command_line);
    while !folder.names().contains(CHECKPOINT) {
        assert!(first.try_wait().unwrap().is_none(), "it ended too soon");
        sleep(Duration::from_millis(10));
    }
    folder
        .run(&command_line)
        .assert_error(&["another run is writing out.partial"]);
    assert!(first.try_wait().unwrap().is_none(), "it ended too soon");
    first.kill().unwrap();
    first.wait().unwrap();
}

/// Not even to read the checkpoint, which the other run may be about to replace.
#[test]
fn a_partial_output_is_locked_before_its_checkpoint_is_read() {
    let folder = ended_early(20);
    let data = fs::File::open(folder.path("out.partial")).unwrap();
    fs4::FileExt::try_lock(&data).unwrap();
    folder.write(CHECKPOINT, "{");
    let resume = "--input input.txt --output out --resume";
    folder
        .embed(resume)
        .assert_error(&["another run is writing out.partial"]);
    drop(data);
    folder.embed(resume).assert_error(&["is damaged"]);
}

/// The hidden files that are what an output will be.
fn unfinished(folder: &Folder) -> Vec<String> {
    let names = folder.names().into_iter();
    names
        .filter(|name| name.starts_with(".wgformer-"))
        .collect()
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_of_the_same_output() {
    let folder = Folder::new();
    folder.write("input.txt", mixed_lines(12_000).join("\n"));
    let begin = || {
        let before = unfinished(&folder);
        let mut child = start(&folder, &format!("{EMBED} --output out"));
        while unfinished(&folder).is_empty() || unfinished(&folder) == before {
            assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
            sleep(Duration::from_millis(10));
        }
        child
    };
    let kill = |mut child: Child| {
        child.kill().unwrap();
        child.wait().unwrap();
    };
    kill(begin());
    let left = unfinished(&folder);
    assert_eq!(left.len(), 1);
    folder.embed("sea --output other").bytes();
    assert_eq!(unfinished(&folder), left, "of another output");
    for resume in ["", "--resume"] {
        let one = "--input one.txt --output out";
        folder.write("one.txt", "sea\n");
        folder.embed(&format!("{one} {resume}")).bytes();
        assert!(unfinished(&folder).is_empty());
        // One that somebody still writes stays.
        let living = begin();
        let left = unfinished(&folder);
        folder.embed(&format!("{one} {resume}")).bytes();
        assert_eq!(unfinished(&folder), left);
        kill(living);
    }
}

/// Ctrl-C and a polite kill.
#[cfg(unix)]
#[test]
fn a_signal_leaves_nothing_behind() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    let folder = Folder::new();
    folder.write("input.txt", mixed_lines(12_000).join("\n"));
    folder.write("old.npy", "old");
    let names = folder.names();
    for (name, number) in [("INT", 2), ("TERM", 15)] {
        let pooling = "--pooling none --format npy";
        let mut child = start(&folder, &format!("{EMBED} {pooling} --output old.npy"));
        // Both of its files.
        while folder.names().len() < names.len() + 2 {
            assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
            sleep(Duration::from_millis(10));
        }
        let signal = format!("-{name}");
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().signal(), Some(number));
        assert_eq!(folder.names(), names);
        assert_eq!(folder.read("old.npy"), b"old");
    }
}

#[test]
fn an_input_that_changes_while_it_is_read_is_noticed() {
    let folder = Folder::new();
    let lines = mixed_lines(100_000).join("\n");
    folder.write("input.txt", &lines);
    let mut child = start(&folder, &format!("{EMBED} --output out --resume"));
    let patience = Instant::now() + Duration::from_secs(60);
    while safe(&folder, CHECKPOINT) == 0 {
        assert!(Instant::now() < patience, "nothing is ever safe");
        if child.try_wait().unwrap().is_some() {
            return; // a fast device
        }
        sleep(Duration::from_millis(20));
    }
    folder.write("input.txt", lines.to_uppercase());
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(
        !ended.status.success() && stderr.contains("input.txt was changed"),
        "{stderr}"
    );
    assert!(!folder.names().contains("out"));
}
