//! The library as a C program gets it, and programs that are linked with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// As strict as a compiler can be asked to be.
pub(crate) const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Iinclude"];

/// How a program is linked with the library.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Linking {
    Static,
    Shared,
}

/// Where tests may write.
pub(crate) fn scratch() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_api");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The folder that both forms of the library are in, as the documentation says how to build them.
pub(crate) fn library() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        succeed(
            Command::new(env!("CARGO"))
                .args(["rustc", "--quiet", "--release", "--lib"])
                .args(["--features", "c-api", "--crate-type", "cdylib,staticlib"])
                .arg("--target-dir")
                .arg(target),
        );
        target.join("release")
    })
}

/// A program that is compiled and linked, ready to run; it fails if it leaks.
pub(crate) fn program(source: &str, linking: Linking) -> Command {
    let folder = library();
    let name = Path::new(source).file_stem().unwrap();
    let program = scratch().join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c99", "-g"]).args(WARNINGS).arg(source);
    compiler.args(["-fsanitize=address", "tests/c_api/keep_loaded.c"]);
    compiler.arg("-rdynamic"); // so that what the library loads takes that file's `dlclose`
    match linking {
        Linking::Static => compiler.arg(folder.join("libwgformer.a")),
        Linking::Shared => {
            let search = format!("-Wl,-rpath,{}", folder.display());
            compiler.arg("-L").arg(folder).args(["-lwgformer", &search])
        }
    };
    compiler.args(["-lm", "-lpthread", "-ldl", "-o"]);
    succeed(compiler.arg(&program));
    let mut command = Command::new(program);
    let suppressions = "suppressions=tests/c_api/leak_suppressions.txt";
    let options = format!("{suppressions}:use_stacks=0:use_registers=0");
    command.env("LSAN_OPTIONS", options);
    // A pool of threads that lives as long as the process would look like a leak of this library's.
    command.env("TOKENIZERS_PARALLELISM", "false");
    command
}

/// What a command writes to standard output; with what it says, if it fails.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{error}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}; run `make checkers`"))
}
