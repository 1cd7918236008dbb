//! How a test starts the binary, in a folder of its own, and what it looks at when that has ended.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::generated_model::GeneratedModel;

/// The repository's root, where the default model and the examples are.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

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
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs to the end. Nothing here is a terminal, so no escape sequence is ever right.
pub(crate) fn run(command: &mut Command, stdin: &[u8]) -> Ended {
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
    let is_binary = stdout.starts_with(b"\x93NUMPY") || stdout.starts_with(b"PAR1");
    assert!(is_binary || !stdout.contains(&b'\x1b'));
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
    pub(crate) fn bytes(self) -> Vec<u8> {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
        self.stdout
    }

    pub(crate) fn text(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn lines(self) -> Vec<Value> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn vectors(self) -> Vec<Vec<f32>> {
        self.lines().iter().map(vector).collect()
    }

    /// Checks that a run failed and said why in one line, which names all of `needles`.
    pub(crate) fn assert_error(self, needles: &[&str]) {
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

pub(crate) fn vector(line: &Value) -> Vec<f32> {
    serde_json::from_value(line["embedding"].clone()).unwrap()
}

/// What the lines say under one key.
pub(crate) fn column(lines: &[Value], key: &str) -> Value {
    lines.iter().map(|line| line[key].clone()).collect()
}

/// Runs where the real default model is.
pub(crate) fn real(command_line: &str) -> Ended {
    let model = Path::new(ROOT).join("models/all-MiniLM-L6-v2/model.safetensors");
    assert!(
        model.is_file(),
        "{} is missing: run `make model`",
        model.display()
    );
    run(wgformer(command_line).current_dir(ROOT), b"")
}

/// A folder to run in, with a tiny model called `tiny` and no other.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.add_model("tiny");
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn add_model(&self, name: &str) {
        GeneratedModel::new().write(&self.path(name));
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    pub(crate) fn command(&self, command_line: &str) -> Command {
        let mut command = wgformer(command_line);
        command
            .current_dir(self.0.path())
            .env("HF_HOME", self.path("no-cache"));
        command
    }

    pub(crate) fn run(&self, command_line: &str) -> Ended {
        self.run_with_stdin(command_line, b"")
    }

    pub(crate) fn run_with_stdin(&self, command_line: &str, stdin: &[u8]) -> Ended {
        run(&mut self.command(command_line), stdin)
    }

    /// `embed` with the tiny model.
    pub(crate) fn embed(&self, arguments: &str) -> Ended {
        self.run(&format!("embed --model tiny {arguments}"))
    }
}

/// An array's shape and its elements.
pub(crate) fn npy<T: npyz::Deserialize>(bytes: &[u8]) -> (Vec<u64>, Vec<T>) {
    let file = npyz::NpyFile::new(bytes).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

/// Lines of mixed lengths, which repeat after 320.
pub(crate) fn mixed_lines(count: usize) -> Vec<String> {
    let words = ["sea", "sun", "rain", "snow", "dog", "cat", "red", "blue"];
    let line = |place: usize| {
        let chosen = (0..place * 7 % 40).map(|word| words[(word * word + place) % 8]);
        chosen.collect::<Vec<_>>().join(" ")
    };
    (0..count).map(line).collect()
}
