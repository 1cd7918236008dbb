//! The binary, as a user or a script meets it: what it prints where, what it writes, and how it ends.

#[path = "../common/generated_model.rs"]
mod generated_model;
mod tuning;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use generated_model::{GeneratedModel, HIDDEN, LAYERS, write_json};
use serde_json::{Value, json};
use tempfile::TempDir;
use wgformer::tasks::cosine;

/// The repository's root, where the default model and the examples are.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Starts the binary as cargo starts tests: through the runner, if one is configured, since that may bring the C
/// library that a driver needs.
fn wgformer(command_line: &str) -> Command {
    let system = if cfg!(target_os = "macos") {
        "APPLE_DARWIN"
    } else if cfg!(windows) {
        "PC_WINDOWS_MSVC"
    } else if cfg!(target_env = "musl") {
        "UNKNOWN_LINUX_MUSL"
    } else {
        "UNKNOWN_LINUX_GNU"
    };
    let machine = env::consts::ARCH.to_uppercase();
    let runner = env::var(format!("CARGO_TARGET_{machine}_{system}_RUNNER"));
    let mut start: Vec<String> = words(&runner.unwrap_or_default());
    start.push(env!("CARGO_BIN_EXE_wgformer").to_owned());
    start.extend(words(command_line));
    let mut command = Command::new(&start[0]);
    command.args(&start[1..]);
    // What would change what is printed, or which models are found.
    for variable in ["RUST_LOG", "CLICOLOR_FORCE", "HF_HUB_CACHE"] {
        command.env_remove(variable);
    }
    command
}

/// What one types: words, and between single quotes whatever one likes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// How a run ended.
struct Ended {
    code: i32,
    stdout: Vec<u8>,
    stderr: String,
}

/// Runs to the end. Nothing here is a terminal, so no escape sequence is ever right.
fn run(command: &mut Command, stdin: &[u8]) -> Ended {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut to_child = child.stdin.take().unwrap();
    let ended = std::thread::scope(|scope| {
        // A child that ends before it has read all is right to do so.
        scope.spawn(move || drop(to_child.write_all(stdin)));
        child.wait_with_output().unwrap()
    });
    let Output {
        status,
        stdout,
        stderr,
    } = ended;
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!stderr.contains('\x1b'), "{stderr}");
    let is_array = stdout.starts_with(b"\x93NUMPY");
    assert!(is_array || !stdout.contains(&b'\x1b'));
    let code = status
        .code()
        .unwrap_or_else(|| panic!("{status}: {command:?}"));
    Ended {
        code,
        stdout,
        stderr,
    }
}

impl Ended {
    /// What a run printed that ended well, without a word on standard error.
    fn bytes(self) -> Vec<u8> {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
        self.stdout
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    fn lines(self) -> Vec<Value> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn vectors(self) -> Vec<Vec<f32>> {
        self.lines().iter().map(vector).collect()
    }

    /// Checks that a run failed and said why in one line, which names all of `needles`.
    fn assert_error(self, needles: &[&str]) {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        assert_eq!((code, stdout.len()), (1, 0), "{stderr}");
        let is_line = stderr.starts_with("error: ") && stderr.ends_with('\n');
        assert!(is_line && stderr.lines().count() == 1, "{stderr}");
        for needle in needles {
            assert!(stderr.contains(needle), "no {needle} in: {stderr}");
        }
    }
}

fn vector(line: &Value) -> Vec<f32> {
    serde_json::from_value(line["embedding"].clone()).unwrap()
}

/// What the lines say under one key.
fn column(lines: &[Value], key: &str) -> Value {
    lines.iter().map(|line| line[key].clone()).collect()
}

/// Runs where the real default model is.
fn real(command_line: &str) -> Ended {
    let model = Path::new(ROOT).join("models/all-MiniLM-L6-v2/model.safetensors");
    assert!(
        model.is_file(),
        "{} is missing: run `make model`",
        model.display()
    );
    run(wgformer(command_line).current_dir(ROOT), b"")
}

/// A folder to run in, with a tiny model called `tiny` and no other.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.add_model("tiny");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add_model(&self, name: &str) {
        GeneratedModel::new().write(&self.path(name));
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn command(&self, command_line: &str) -> Command {
        let mut command = wgformer(command_line);
        command
            .current_dir(self.0.path())
            .env("HF_HOME", self.path("no-cache"));
        command
    }

    fn run(&self, command_line: &str) -> Ended {
        self.run_with_stdin(command_line, b"")
    }

    fn run_with_stdin(&self, command_line: &str, stdin: &[u8]) -> Ended {
        run(&mut self.command(command_line), stdin)
    }

    /// `embed` with the tiny model.
    fn embed(&self, arguments: &str) -> Ended {
        self.run(&format!("embed --model tiny {arguments}"))
    }
}

/// An array's shape and its elements.
fn npy<T: npyz::Deserialize>(bytes: &[u8]) -> (Vec<u64>, Vec<T>) {
    let file = npyz::NpyFile::new(bytes).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

#[test]
fn a_text_becomes_exactly_one_json_line() {
    let printed = real("embed 'some text'").text();
    let start = r#"{"index":0,"text":"some text","tokens":4,"embedding":["#;
    assert!(printed.starts_with(start), "{printed}");
    assert!(printed.ends_with("]}\n"), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let line: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(vector(&line).len(), 384);
    assert!((length(&vector(&line)) - 1.0).abs() < 1e-5);

    let lines = real(r#"embed 'some text' '' 'say "hello"' -- --dashes"#).lines();
    let texts = json!(["some text", "", "say \"hello\"", "--dashes"]);
    assert_eq!(column(&lines, "text"), texts);
    assert_eq!(column(&lines, "index"), json!([0, 1, 2, 3]));
    assert_eq!(lines[1]["tokens"], 2);
    assert_eq!(lines[0], line, "what else is embedded changes nothing");
}

#[test]
fn without_normalising_a_vector_has_its_own_length_and_the_same_direction() {
    let own = real("embed 'some text' --no-normalize").vectors().remove(0);
    let unit = real("embed 'some text'").vectors().remove(0);
    assert!((length(&own) - 1.0).abs() > 0.1, "{}", length(&own));
    assert!(cosine(&own, &unit) > 0.999_999);
}

#[test]
fn smaller_weights_give_nearly_the_same() {
    let full = real("embed 'some text' 'Where is the cat?'").vectors();
    for (dtype, least) in [("f16", 0.9999), ("int8", 0.995)] {
        let smaller = real(&format!(
            "embed 'some text' 'Where is the cat?' --dtype {dtype}"
        ));
        for (full, smaller) in full.iter().zip(&smaller.vectors()) {
            assert_ne!(full, smaller);
            assert!(
                cosine(full, smaller) > least,
                "{dtype} {}",
                cosine(full, smaller)
            );
        }
    }
}

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
    folder.embed("--input input.txt").assert_error(&needles);
    folder
        .run("search sea --model tiny --input input.txt")
        .assert_error(&needles);
    let piped = folder.run_with_stdin("embed --model tiny --input -", invalid);
    piped.assert_error(&["standard input: line 3 is not valid UTF-8"]);
    folder.embed("--input lost.txt").assert_error(&["lost.txt"]);
    folder.embed("--input tiny").assert_error(&["tiny"]);
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
    // A file may be replaced by what was made of it.
    folder.write("self.txt", "sea\nsun\n");
    folder.embed("--input self.txt --output self.txt").bytes();
    assert_eq!(folder.read("self.txt"), printed);
    let names = ["tiny", "new.jsonl", "old.jsonl", "new.npy", "self.txt"];
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

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_and_a_missing_folder_for_temporary_files_are_errors() {
    let folder = Folder::new();
    folder
        .embed("sea --output /dev/full")
        .assert_error(&["cannot write /dev/full", "No space left on device"]);
    let mut command = folder.command("embed sea --model tiny --format npy");
    let ended = run(command.env("TMPDIR", folder.path("lost")), b"");
    ended.assert_error(&["temporary file", "lost", "No such file"]);
}

#[cfg(unix)]
#[test]
fn an_output_file_has_the_permissions_of_any_new_file_and_a_link_stays_a_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new();
    for (umask, expected) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        let options = "--model tiny --format npy --pooling none";
        let embed = folder.command(&format!("embed sea {options} --output {umask}.npy"));
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("umask {umask}; exec \"$@\""))
            .arg("sh");
        shell.arg(embed.get_program()).args(embed.get_args());
        run(shell.current_dir(folder.0.path()), b"").bytes();
        for name in [format!("{umask}.npy"), format!("{umask}.offsets.npy")] {
            let mode = fs::metadata(folder.path(&name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, expected, "{name}");
        }
    }
    folder.write("target.jsonl", "old");
    symlink("target.jsonl", folder.path("link.jsonl")).unwrap();
    folder.embed("sea --output link.jsonl").bytes();
    assert!(
        fs::symlink_metadata(folder.path("link.jsonl"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(folder.read("target.jsonl"), folder.embed("sea").bytes());
}

#[test]
fn a_numpy_array_holds_the_same_numbers() {
    let folder = Folder::new();
    let texts = "'hello world' '' 'the cat and the dog'";
    let lines = folder.embed(texts).vectors();
    let array = folder.embed(&format!("{texts} --format npy")).bytes();
    assert_eq!(npy::<f32>(&array), (vec![3, HIDDEN as u64], lines.concat()));
}

#[test]
fn without_pooling_there_is_a_vector_per_token() {
    let folder = Folder::new();
    let texts = "'hello world' '' 'the cat and the dog' --pooling none";
    let lines = folder.embed(texts).lines();
    assert_eq!(column(&lines, "tokens"), json!([4, 2, 7]));
    let vectors: Vec<Vec<Vec<f32>>> = serde_json::from_value(column(&lines, "embedding")).unwrap();
    assert_eq!(vectors.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 7]);
    let vectors = vectors.concat();
    assert!(vectors.iter().all(|vector| vector.len() == HIDDEN));

    for (name, offsets) in [("out.npy", "out.offsets.npy"), ("bare", "bare.offsets.npy")] {
        folder
            .embed(&format!("{texts} --format npy --output {name}"))
            .bytes();
        let expected = (vec![13, HIDDEN as u64], vectors.concat());
        assert_eq!(npy::<f32>(&folder.read(name)), expected);
        let expected = (vec![4], vec![0, 4, 6, 13]);
        assert_eq!(npy::<u64>(&folder.read(offsets)), expected);
    }
}

#[test]
fn each_pooling_makes_its_own_vector_of_the_tokens() {
    let folder = Folder::new();
    let lines = folder.embed("'the cat and the dog' --pooling none").lines();
    let tokens: Vec<Vec<f32>> = serde_json::from_value(lines[0]["embedding"].clone()).unwrap();
    let embed = |options: &str| {
        let ended = folder.embed(&format!("'the cat and the dog' {options}"));
        ended.vectors().remove(0)
    };
    assert_eq!(embed("--pooling cls"), tokens[0]);
    assert_eq!(embed("--pooling last"), tokens[6]);
    let column = |c: usize| tokens.iter().map(move |token| token[c]);
    let max: Vec<f32> = (0..HIDDEN)
        .map(|c| column(c).fold(f32::MIN, f32::max))
        .collect();
    assert_eq!(embed("--pooling max"), max);
    let mean = embed("--pooling mean");
    for (c, mean) in mean.iter().enumerate() {
        let expected = column(c).sum::<f32>() / 7.0;
        assert!(
            (mean - expected).abs() < 1e-5,
            "{mean}, expected {expected}"
        );
    }
    assert_eq!(
        embed(""),
        mean,
        "the default, where the model's files say nothing"
    );
}

/// Lines of mixed lengths, which repeat after 320.
fn mixed_lines(count: usize) -> Vec<String> {
    let words = ["sea", "sun", "rain", "snow", "dog", "cat", "red", "blue"];
    let line = |place: usize| {
        let chosen = (0..place * 7 % 40).map(|word| words[(word * word + place) % 8]);
        chosen.collect::<Vec<_>>().join(" ")
    };
    (0..count).map(line).collect()
}

#[test]
fn the_size_of_a_batch_changes_no_byte() {
    let folder = Folder::new();
    folder.write("input.txt", mixed_lines(60).join("\n"));
    let expected = folder.embed("--input input.txt").bytes();
    for tokens in [1, 7, 100, 8192, 1_000_000] {
        let found = folder.embed(&format!("--input input.txt --batch-tokens {tokens}"));
        assert!(found.bytes() == expected, "--batch-tokens {tokens}");
    }
}

#[test]
fn results_come_in_the_order_of_the_input() {
    let folder = Folder::new();
    // More than two times as many as are embedded at once.
    let input = mixed_lines(2100);
    folder.write("input.txt", input.join("\n") + "\n");
    let lines = folder.embed("--input input.txt").lines();
    assert_eq!(column(&lines, "text"), json!(input));
    assert_eq!(column(&lines, "index"), (0..2100).collect::<Value>());
    for (earlier, later) in lines.iter().zip(&lines[320..]) {
        assert_eq!(earlier["text"], later["text"]);
        assert_eq!(earlier["embedding"], later["embedding"]);
    }
    for place in [0, 1, 39, 1023, 1024, 2047, 2099] {
        let alone = folder.embed(&format!("'{}'", input[place])).vectors();
        assert_eq!(alone[0], vector(&lines[place]), "{place}");
    }
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

#[test]
fn a_model_is_found_by_folder_by_name_and_in_the_hugging_face_cache() {
    let folder = Folder::new();
    let expected = folder.embed("sea").bytes();
    folder.add_model("models/named");
    let absolute = folder.path("tiny").display().to_string();
    for model in ["named", "models/named", "./tiny", &absolute] {
        let found = folder.run(&format!("embed sea --model '{model}'"));
        assert_eq!(found.bytes(), expected, "{model}");
    }

    // As the hub's own tools leave it: where there are several snapshots, `refs/main` says which is meant.
    for snapshot in [
        "cached/snapshots/aaaa",
        "single/snapshots/bbbb",
        "twice/snapshots/cccc",
    ] {
        folder.add_model(&format!("home/hub/models--org--{snapshot}"));
    }
    folder.add_model("home/hub/models--other--twice/snapshots/dddd");
    let cached = folder.path("home/hub/models--org--cached");
    write_json(
        &cached.join("snapshots/eeee/config.json"),
        &json!({ "model_type": "?" }),
    );
    fs::create_dir(cached.join("refs")).unwrap();
    fs::write(cached.join("refs/main"), "aaaa").unwrap();
    let embed = |model: &str, variable: &str, cache: &str| {
        let mut command = folder.command(&format!("embed sea --model {model}"));
        run(
            command
                .env_remove("HF_HOME")
                .env(variable, folder.path(cache)),
            b"",
        )
    };
    for model in [
        "org/cached",
        "cached",
        "org/single",
        "single",
        "other/twice",
    ] {
        assert_eq!(embed(model, "HF_HOME", "home").bytes(), expected, "{model}");
    }
    assert_eq!(
        embed("cached", "HF_HUB_CACHE", "home/hub").bytes(),
        expected
    );
    fs::create_dir(folder.path("cache")).unwrap();
    fs::rename(folder.path("home"), folder.path("cache/huggingface")).unwrap();
    assert_eq!(embed("cached", "XDG_CACHE_HOME", "cache").bytes(), expected);

    let needles = ["\"twice\"", "ORG/NAME", "org--twice", "other--twice"];
    embed("twice", "XDG_CACHE_HOME", "cache").assert_error(&needles);
    for part in ["g/cached", "ached", "org/twic"] {
        embed(part, "XDG_CACHE_HOME", "cache").assert_error(&["there is no model"]);
    }
}

#[test]
fn a_model_that_is_not_there_is_not_fetched_but_explained() {
    let folder = Folder::new();
    fs::create_dir(folder.path("empty")).unwrap();
    let names = folder.names();
    let embed = |model: &str| folder.run(&format!("embed sea --model {model}"));
    let hint = "hf download ORG/unknown --local-dir models/unknown";
    embed("unknown").assert_error(&["\"unknown\"", "models/", "no-cache", hint]);
    let hint = "hf download org/unknown --local-dir models/unknown";
    embed("org/unknown").assert_error(&["\"org/unknown\"", hint]);
    embed("all-MiniLM-L6-v2").assert_error(&["\"all-MiniLM-L6-v2\"", "make model"]);
    folder
        .run("embed sea")
        .assert_error(&["\"all-MiniLM-L6-v2\"", "make model"]);
    embed("empty").assert_error(&["empty", "no config.json"]);
    assert_eq!(folder.names(), names, "nothing is downloaded");

    folder.write("tiny/model.safetensors", "");
    embed("tiny").assert_error(&["model.safetensors", "cut off"]);
}

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    let folder = Folder::new();
    for command_line in [
        "",
        "frobnicate",
        "embed",
        "embed sea --input input.txt",
        "embed sea --nonsense",
        "embed sea --format csv",
        "embed sea --dtype f64",
        "embed sea --pooling sum",
        "embed sea --batch-tokens 0",
        "embed sea --batch-tokens -1",
        "embed sea --batch-tokens many",
        // Two files, and one place to write to.
        "embed sea --model tiny --format npy --pooling none",
        "embed sea --model tiny --format npy --pooling none --output -",
        "search",
        "search sea",
        "search --input input.txt",
        "search sea --input input.txt --top few",
        "doctor sea",
    ] {
        let Ended {
            code,
            stdout,
            stderr,
        } = folder.run(command_line);
        assert_eq!((code, stdout.len()), (2, 0), "{command_line}: {stderr}");
        assert!(!stderr.is_empty(), "{command_line}");
    }
    for command in ["", "embed", "search", "doctor"] {
        let help = folder.run(&format!("{command} --help")).text();
        assert!(help.contains("Usage: wgformer"), "{help}");
    }
    let version = format!("wgformer {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(folder.run("--version").text(), version);
}

#[test]
fn search_ranks_lines_in_a_table_or_as_json() {
    let folder = Folder::new();
    let input = [
        "the cat and the dog",
        "snow in the rain",
        "hello world",
        "",
        "red sun",
        "sea",
    ];
    folder.write("input.txt", input.join("\n"));
    let search = |options: &str| {
        folder.run(&format!(
            "search 'hello world' --model tiny --input input.txt {options}"
        ))
    };
    let hits = search("--json --top 100").lines();
    assert_eq!(column(&hits, "rank"), json!([1, 2, 3, 4, 5, 6]));
    for hit in &hits {
        assert_eq!(hit["text"], input[hit["index"].as_u64().unwrap() as usize]);
    }
    let scores: Vec<f32> = serde_json::from_value(column(&hits, "score")).unwrap();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert_eq!(hits[0]["index"], 2);
    assert!((scores[0] - 1.0).abs() < 1e-6, "{scores:?}");
    let printed = search("--json --top 1").text();
    assert!(
        printed.starts_with(r#"{"rank":1,"index":2,"score":"#),
        "{printed}"
    );
    assert!(
        printed.ends_with(",\"text\":\"hello world\"}\n"),
        "{printed}"
    );

    // People count lines from 1.
    let table = search("--top 2").text();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert_eq!(rows[0], ["rank", "score", "line", "text"]);
    assert_eq!(rows[1], ["1", "1.000", "3", "hello", "world"]);
    let line = hits[1]["index"].as_u64().unwrap() + 1;
    assert_eq!(
        rows[2][..3],
        ["2", &format!("{:.3}", scores[1]), &line.to_string()]
    );
    assert!(
        table.lines().all(|line| line.trim_end() == line),
        "{table:?}"
    );
    assert_eq!(search("").text().lines().count(), 6, "five by default");
}

#[test]
fn the_demo_finds_what_sentence_transformers_finds() {
    let read = |name: &str| fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let reference: Value = serde_json::from_str(&read("tests/data/all-MiniLM-L6-v2.json")).unwrap();
    let searches = reference["search"].as_array().unwrap();
    let queries: Value = read("examples/queries.txt").lines().collect();
    assert_eq!(column(searches, "query"), queries);
    for search in searches {
        let query = search["query"].as_str().unwrap();
        let options = "--input examples/sentences.txt --top 3 --json";
        let found = real(&format!("search '{query}' {options}")).lines();
        let expected = search["hits"].as_array().unwrap();
        assert_eq!(column(&found, "index"), column(expected, "line"), "{query}");
        for (found, expected) in found.iter().zip(expected) {
            let [found, expected] = [found, expected].map(|hit| hit["score"].as_f64().unwrap());
            assert!(
                (found - expected).abs() < 1e-3,
                "{query}: {found}, {expected}"
            );
        }
    }
}

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
fn verify_lists_every_kernel_and_every_step_of_a_model() {
    let folder = Folder::new();
    let report = folder.run("verify --model tiny --json").bytes();
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
    // The tiny model's own steps: embeddings, seven a layer, pooling.
    let steps = rows
        .iter()
        .filter(|row| row["operation"].as_str().unwrap().contains('.'));
    assert_eq!(steps.count(), 2 + 7 * LAYERS, "{report}");
    assert!(!name.is_empty());

    for wrong in ["verify --model nowhere", "verify --adapter nowhere"] {
        folder.run(wrong).assert_error(&["nowhere"]);
    }
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
