//! Which commit this was built from: a macro of the binary's asks git, since a build script would have the library built
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
