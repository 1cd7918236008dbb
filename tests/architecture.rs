//! The house's invariants, as `src/lib.rs` states them.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in reading order; each imports only from those before it.
const MODULES: [&str; 19] = [
    "error",
    "whole_file",
    "profile",
    "tensor",
    "kernel",
    "reference",
    "gpu",
    "graph",
    "ops",
    "tuning",
    "plan",
    "verify",
    "models",
    "index",
    "evaluation",
    "logistic",
    "text",
    "tasks",
    "c_api",
];

fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|entry| rust_files(&entry))
        .filter(|file| file.extension().is_some_and(|end| end == "rs"))
        .collect()
}

fn files_of(module: &str) -> Vec<PathBuf> {
    let paths = ["", ".rs"].map(|end| PathBuf::from(format!("src/{module}{end}")));
    let there = paths.iter().filter(|path| path.exists());
    there.flat_map(|path| rust_files(path)).collect()
}

/// The modules that a file names by `crate::`, in an import or in a path.
fn imports(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for (place, _) in line.match_indices("crate::") {
            let rest = &line[place + "crate::".len()..];
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            found.push((name, line.trim().to_owned()));
        }
    }
    found
}

#[test]
fn modules_are_listed_in_reading_order() {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let listed: Vec<&str> = lib
        .lines()
        .map(|line| line.strip_prefix("pub ").unwrap_or(line))
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(listed, MODULES);
}

#[test]
fn a_module_imports_only_from_those_above_it() {
    let mut checked = 0;
    for (place, module) in MODULES.iter().enumerate() {
        for file in files_of(module) {
            for (import, line) in imports(&file) {
                let known = MODULES[..=place].contains(&import.as_str());
                assert!(
                    known,
                    "{}: `{line}` imports {import}, which is not above {module}",
                    file.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "the imports were not found");
}

#[test]
fn only_gpu_and_plan_make_wgpu_calls() {
    // Names that other modules may use: what an adapter is and has, never what acts on it.
    let types = [
        "wgpu::Features",
        "wgpu::AdapterInfo",
        "wgpu::Limits",
        "wgpu::DeviceType",
        "wgpu::Backend",
    ];
    for module in MODULES
        .iter()
        .filter(|module| !["gpu", "plan"].contains(module))
    {
        for file in files_of(module) {
            let text = fs::read_to_string(&file).unwrap();
            for call in [".device()", ".queue()"] {
                assert!(!text.contains(call), "{} has {call}", file.display());
            }
            for line in text.lines().filter(|line| line.contains("wgpu::")) {
                assert!(
                    types.iter().any(|name| line.contains(name)),
                    "{}: {line}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn models_use_only_the_public_graph_api() {
    for file in files_of("models") {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("with_nodes") && !text.contains("Activations"),
            "{}",
            file.display()
        );
    }
    let private = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let names = text.split("pub(crate) ").skip(1).filter_map(|rest| {
            rest.split_once("fn ")?
                .1
                .split(['(', '<'])
                .next()
                .map(str::to_owned)
        });
        names.collect::<Vec<_>>()
    };
    let names_of = |module: &&str| {
        let files = files_of(module);
        files.iter().flat_map(private).collect::<Vec<_>>()
    };
    let names: Vec<String> = ["graph", "plan", "gpu", "tensor"]
        .iter()
        .flat_map(names_of)
        .collect();
    let functions = ["graph", "plan", "gpu", "tuning"]
        .iter()
        .flat_map(|module| {
            let names = names_of(module).into_iter();
            names.map(move |name| format!("{module}::{name}("))
        });
    let methods = names.iter().map(|name| format!(".{name}("));
    let calls: Vec<String> = methods.chain(functions).collect();
    assert!(names.contains(&"trace".to_owned()), "{names:?}");
    for file in files_of("models") {
        let text = fs::read_to_string(&file).unwrap();
        let called = calls.iter().find(|call| text.contains(&call[..]));
        assert!(
            called.is_none(),
            "{} calls the crate-private {called:?}",
            file.display()
        );
    }
}

#[test]
fn the_library_reads_the_environment_at_one_place() {
    for module in MODULES {
        for file in files_of(module) {
            let text = fs::read_to_string(&file).unwrap();
            let allowed = file.ends_with("gpu/adapters.rs");
            assert!(allowed || !text.contains("env::var"), "{}", file.display());
        }
    }
}

/// Clippy's `incompatible_msrv` does not know them.
#[test]
fn nothing_needs_a_newer_rust_for_chains_of_let() {
    let chain = ["&& let", " "].concat();
    for folder in ["src", "tests", "examples", "benches"] {
        for file in rust_files(Path::new(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains(&chain), "{}", file.display());
        }
    }
}
