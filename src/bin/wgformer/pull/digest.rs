//! What the hub says that a file's bytes are.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A checksum in hexadecimal digits, which is also the name that a cache has for the bytes.
pub(super) enum Digest {
    /// Of a large file.
    Sha256(String),
    /// Of a file that git has itself: of a short header and its bytes.
    GitBlob(String),
}

impl Digest {
    pub(super) fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitBlob(hex) => hex,
        }
    }

    /// Of the file at `path`, of this kind.
    pub(super) fn of(&self, path: &Path) -> io::Result<String> {
        let file = File::open(path)?;
        match self {
            Self::Sha256(_) => hash(Sha256::new(), file),
            Self::GitBlob(_) => {
                let header = format!("blob {}\0", file.metadata()?.len());
                hash(Sha1::new_with_prefix(header), file)
            }
        }
    }
}

fn hash<H: sha2::Digest>(mut hasher: H, mut file: File) -> io::Result<String> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut bytes)?;
        if count == 0 {
            break;
        }
        hasher.update(&bytes[..count]);
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
