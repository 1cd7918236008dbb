//! `include/wgformer.h`.

use std::fs;
use std::process::Command;

use crate::library::{WARNINGS, library, scratch, succeed};

const HEADER: &str = "include/wgformer.h";

#[test]
fn the_header_is_what_cbindgen_makes_of_the_sources() {
    let mut made = Vec::new();
    cbindgen::Builder::new()
        .with_config(cbindgen::Config::from_file("cbindgen.toml").unwrap())
        .with_src("src/c_api/mod.rs")
        .generate()
        .unwrap()
        .write(&mut made);
    if fs::read(HEADER).ok().as_ref() != Some(&made) {
        let path = scratch().join("wgformer.h");
        fs::write(&path, made).unwrap();
        let path = path.display();
        panic!("{HEADER} is not what src/c_api/ says; compare, then `cp {path} {HEADER}`");
    }
}

#[test]
fn c_and_cpp_compilers_take_the_header_alone_and_twice() {
    for (compiler, language, standard) in [
        ("cc", "c", "c99"),
        ("cc", "c", "c11"),
        ("c++", "c++", "c++11"),
        ("c++", "c++", "c++20"),
    ] {
        let source = scratch().join(format!("{standard}.{language}"));
        // By angle brackets: what lies beside the source is not the header.
        fs::write(&source, "#include <wgformer.h>\n".repeat(2)).unwrap();
        succeed(
            Command::new(compiler)
                .args(["-fsyntax-only", "-x", language, &format!("-std={standard}")])
                .args(WARNINGS)
                .arg(source),
        );
    }
}

/// What it declares is what the library has, and the library has nothing else.
#[test]
fn the_shared_library_exports_the_functions_of_the_header_alone() {
    let header = fs::read_to_string(HEADER).unwrap();
    let lines = header
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']));
    let declared = lines.filter_map(|line| {
        let (before, _) = line.split_once('(')?;
        let name = before.rsplit([' ', '*']).next()?;
        name.starts_with("wgformer_").then(|| name.to_owned())
    });
    let mut declared: Vec<String> = declared.collect();
    declared.sort();

    let names = succeed(
        Command::new("nm")
            .args(["--dynamic", "--defined-only", "--format=just-symbols"])
            .arg(library().join("libwgformer.so")),
    );
    let mut exported: Vec<&str> = names.lines().collect();
    exported.sort_unstable();
    assert!(declared.len() > 20, "{declared:?}");
    assert_eq!(declared, exported);
}
