//! B: numpy's product on the same cores.

use std::fmt;
use std::process::Command;

/// The fastest that numpy has been in this run.
pub(crate) struct Openblas {
    python: String,
    /// What the script printed then, or why there is nothing.
    best: Result<serde_json::Value, String>,
}

impl Openblas {
    /// With a first sample.
    pub(crate) fn new() -> Self {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let openblas = Self {
            best: sample(&python),
            python,
        };
        if openblas.best.is_err() {
            eprintln!("{openblas}; ratios to it are left out");
        }
        openblas
    }

    /// Lets numpy multiply for a second.
    pub(crate) fn sample(&mut self) {
        let Ok(best) = &mut self.best else {
            return; // it would fail again
        };
        match sample(&self.python) {
            Ok(sample) if gflops(&sample) > gflops(best) => *best = sample,
            Ok(_) => {}
            Err(error) => panic!("{} scripts/openblas.py: {error}", self.python),
        }
    }

    /// B, in GFLOP/s.
    pub(crate) fn gflops(&self) -> Option<f64> {
        self.best.as_ref().ok().map(gflops)
    }
}

fn sample(python: &str) -> Result<serde_json::Value, String> {
    let output = Command::new(python)
        .arg("scripts/openblas.py")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("failed").to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

fn gflops(document: &serde_json::Value) -> f64 {
    document["gflops"].as_f64().expect("the script gives it")
}

impl fmt::Display for Openblas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.best {
            Ok(found) => {
                let text = |key: &str| found[key].as_str().unwrap_or("unknown");
                write!(
                    f,
                    "B = {:.0} GFLOP/s: numpy {} on {} {}, its {} kernels, {} threads",
                    gflops(found),
                    text("numpy"),
                    text("library"),
                    text("version"),
                    text("kernel"),
                    found["threads"]
                )
            }
            Err(error) => write!(
                f,
                "B is unknown: {} scripts/openblas.py: {error}",
                self.python
            ),
        }
    }
}
