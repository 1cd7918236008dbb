//! Which commit, and which wgpu, this was built from. The commit: a macro of the binary's asks git, since a build script would have the library built
//! again after every commit.

use git_version::git_version;

/// With `-dirty` if there were changes; `None` if the source lay in no repository of its own, as what cargo fetched does.
pub(crate) fn commit() -> Option<&'static str> {
    const COMMIT: &str = git_version!(
        args = ["--always", "--dirty", "--exclude=*", "--abbrev=12"],
        fallback = ""
    );
    // A repository around it, such as a packager's, does not have this file.
    const OWN: &str = git_version!(
        args = ["--always", "HEAD:./src/bin/wgformer/main.rs"],
        fallback = ""
    );
    (!OWN.is_empty()).then_some(COMMIT)
}

/// The version in `Cargo.lock`, by which this is built, unless cargo is told to choose versions anew, as `cargo install` does
/// without `--locked`.
pub(crate) fn wgpu_version() -> &'static str {
    let mut lines = include_str!("../../../Cargo.lock").lines();
    lines.find(|line| *line == "name = \"wgpu\"");
    let version = lines.next().and_then(|it| it.strip_prefix("version = \""));
    version.map_or(wgformer::tuning::WGPU, |it| it.trim_end_matches('"'))
}
