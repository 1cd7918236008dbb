//! From the start of a process to its first embedding: the command line embeds one text and ends.

use std::process::Command;

use super::report::{Row, Target};
use super::{Bench, Best, minilm};

const ROUNDS: usize = 4;

pub(crate) struct Figures {
    /// Nothing is in the driver's cache.
    cold: f64,
    /// The same again.
    warm: f64,
}

pub(crate) fn measure(bench: &Bench) -> Figures {
    let (mut cold, mut warm) = (Best::new(), Best::new());
    for _ in 0..if bench.is_timed { ROUNDS } else { 1 } {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let first = cold.time(|| embed(cache.path()));
        let again = warm.time(|| embed(cache.path()));
        assert!(first == again && first.contains("embedding"), "{first}");
    }
    Figures {
        cold: cold.0,
        warm: warm.0,
    }
}

/// Mesa's drivers keep what they compiled in `cache`.
fn embed(cache: &std::path::Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wgformer"));
    command
        .args(["embed", "some text", "--model", minilm::MODEL])
        .env("MESA_SHADER_CACHE_DIR", cache)
        .env("XDG_CACHE_HOME", cache); // nobody's measurements
    let output = command.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).expect("it writes JSON")
}

impl Figures {
    pub(crate) fn rows(&self) -> Vec<Row> {
        let row = |what: &str, seconds: f64, least, aim| Row {
            what: format!("process start to first embedding, {what}"),
            measured: "f32".to_owned(),
            figure: Some(seconds),
            target: Target {
                adapter: "llvmpipe",
                unit: " s",
                least,
                aim,
            },
        };
        vec![
            row("the driver's cache empty", self.cold, 2.0, 1.0),
            row("the driver's cache warm", self.warm, 0.6, 0.3),
        ]
    }
}
