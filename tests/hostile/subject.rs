//! What is tried, and what must hold whatever the files say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use wgformer::models::Model;
use wgformer::{Embedder, Error, Gpu};

use crate::generated_model::{GeneratedModel, HIDDEN, INTERMEDIATE};
use crate::{ALLOCATOR, common, panics};

/// A model's directory: what its files hold, by their path in it.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

const TEXTS: [&str; 2] = ["hello words", "a small red cat, and the dog!"];

/// The device, and a directory for one case after another.
///
/// A case is on disk before it is tried, so that it is there even after what no test survives: a full memory, a stack
/// overflow.
pub(crate) struct Subject {
    gpu: Gpu,
    directory: PathBuf,
    on_disk: Files,
    _turn: MutexGuard<'static, ()>,
}

impl Subject {
    pub(crate) fn new(name: &str) -> Self {
        let (gpu, turn) = common::gpu();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("hostile")
            .join(name);
        let _ = fs::remove_dir_all(&directory); // none on the first run
        fs::create_dir_all(&directory).unwrap();
        Self {
            gpu,
            directory,
            on_disk: Files::new(),
            _turn: turn,
        }
    }

    /// The files of a model.
    pub(crate) fn files(&self, model: &GeneratedModel) -> Files {
        let directory = tempfile::tempdir().unwrap();
        model.write(directory.path());
        let mut files = Files::new();
        read_all(directory.path(), "", &mut files);
        files
    }

    /// Loads the model and embeds two texts: `fine`, or the error's variant.
    ///
    /// # Panics
    /// If something does not hold; the files are kept, and named with the case.
    pub(crate) fn attempt(&mut self, case: &str, files: &Files) -> String {
        self.attempt_for_text(case, files).0
    }

    /// As [`Subject::attempt`], with the error's text.
    pub(crate) fn attempt_for_text(&mut self, case: &str, files: &Files) -> (String, String) {
        self.write(files);
        match self.check(files) {
            Ok(None) => ("fine".to_owned(), String::new()),
            Ok(Some(error)) => (variant(&error), error.to_string()),
            Err(broken) => {
                let kept = self.directory.with_extension("failed");
                let _ = fs::remove_dir_all(&kept);
                fs::rename(&self.directory, &kept).unwrap();
                panic!("{case}: {broken}; the files are in {}", kept.display())
            }
        }
    }

    /// What must hold; `Err` says what does not.
    fn check(&self, files: &Files) -> Result<Option<Error>, String> {
        let size: usize = files.values().map(Vec::len).sum();
        let started = Instant::now();
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let (outcome, panics) = panics::kept(|| {
            let embedder = Embedder::load(&self.gpu, &self.directory)?;
            let asked = OnDevice::of(embedder.model());
            embedder.embed(TEXTS).map(|_| asked)
        });
        let peak = ALLOCATOR.peak_usage() - before;

        let outcome = outcome.ok_or_else(|| format!("panicked: {panics:?}"))?;
        // A panic inside the tokenizer crate is caught and said, and no other.
        let is_said = matches!(&outcome, Err(error @ Error::Tokenizer { .. }) if error.to_string().contains("panicked"));
        holds(panics.is_empty() || is_said, || {
            format!("a thread panicked: {panics:?}")
        })?;
        holds(peak <= FIXED + PER_BYTE * size, || {
            format!("{peak} bytes were allocated for files of {size}")
        })?;
        holds(started.elapsed() < Duration::from_secs(20), || {
            format!("took {:?}", started.elapsed())
        })?;
        match outcome {
            Ok(asked) => {
                holds(asked.is_justified_by(size as u64), || {
                    format!("{asked:?} for files of {size}")
                })?;
                Ok(None)
            }
            Err(error) => {
                holds(self.names_its_cause(&error), || {
                    format!("{error:?} does not say in which file")
                })?;
                Ok(Some(error))
            }
        }
    }

    /// Whether an error names a file of the directory, or a tensor.
    fn names_its_cause(&self, error: &Error) -> bool {
        match error {
            Error::Io { path, .. }
            | Error::Malformed { path, .. }
            | Error::Unsupported { path, .. }
            | Error::Tokenizer { path, .. } => {
                path.starts_with(&self.directory) && *path != self.directory
            }
            Error::TensorMissing { location, .. }
            | Error::TensorShape { location, .. }
            | Error::NotFinite { location, .. } => Path::new(location) == self.directory,
            // Of a text, not of loading.
            Error::Input { .. } | Error::Overflow { .. } => true,
            other => other
                .to_string()
                .contains(&*self.directory.to_string_lossy()),
        }
    }

    /// Makes the directory hold `files` and nothing else.
    fn write(&mut self, files: &Files) {
        let path = |name: &str| self.directory.join(name);
        // A file system may flush a file that is overwritten, and none a new one.
        for (name, bytes) in &self.on_disk {
            if files.get(name) != Some(bytes) {
                fs::remove_file(path(name)).unwrap();
            }
        }
        for (name, bytes) in files {
            if self.on_disk.get(name) != Some(bytes) {
                fs::create_dir_all(path(name).parent().unwrap()).unwrap();
                fs::write(path(name), bytes).unwrap();
            }
        }
        self.on_disk.clone_from(files);
    }
}

/// What reading and running a model takes whatever its size: the compilation of its pipelines, and regular expressions;
/// 3 MB were measured.
const FIXED: usize = 8 << 20;

/// What it takes for each byte of its files. A JSON value takes 32 bytes and may be two in the file, as in `[0,0]`; the
/// list that holds it is copied as it grows, and is as large again while both are there, and up to half empty after.
const PER_BYTE: usize = 64;

/// What a model asks of the device; a software adapter takes it from the same memory, but not from Rust's allocator.
#[derive(Debug)]
struct OnDevice {
    weights: u64,
    activations: u64,
    tokens: u64,
}

impl OnDevice {
    fn of(model: &Model) -> Self {
        let plan = model.plan();
        Self {
            weights: plan.memory().weights,
            activations: plan.memory().activations,
            tokens: plan.capacity().tokens as u64,
        }
    }

    /// Weights: f16 in the file is f32 on the device, and a kernel for GPUs pads 32 rows of a matrix to 64.
    /// Tokens: a batch's, as no model here has longer texts. Activations: a few slots of as many columns as a tiny
    /// model's layers have at most, query, key and value together.
    fn is_justified_by(&self, file_bytes: u64) -> bool {
        let columns = 3 * HIDDEN.max(INTERMEDIATE) as u64;
        self.weights <= 4 * file_bytes
            && self.tokens <= 8192
            && self.activations <= 4 * 4 * columns * self.tokens
    }
}

fn holds(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

fn variant(error: &Error) -> String {
    let debug = format!("{error:?}");
    debug.split(' ').next().unwrap_or_default().to_owned()
}

fn read_all(directory: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read_all(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(path).unwrap());
        }
    }
}
