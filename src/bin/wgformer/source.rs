//! A file that is read from its start to its end, or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow};

pub(crate) struct Source {
    /// As people know it.
    pub(crate) name: String,
    reader: BufReader<Box<dyn Read + Send>>,
}

impl Source {
    /// `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (name, reader): (_, Box<dyn Read + Send>) = if path == Path::new("-") {
            ("standard input".to_owned(), Box::new(io::stdin()))
        } else {
            (path.display().to_string(), Box::new(open(path)?))
        };
        Ok(Self {
            name,
            reader: BufReader::with_capacity(1 << 16, reader),
        })
    }
}

/// A file, not a folder.
pub(crate) fn open(path: &Path) -> Result<File> {
    let name = path.display();
    if path.is_dir() {
        return Err(anyhow!("cannot read {name}: it is a folder, name a file"));
    }
    File::open(path).map_err(|error| anyhow!("cannot read {name}: {error}"))
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}

/// A file, or for `-` standard input, as one text.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let mut source = Source::open(path)?;
    let mut bytes = Vec::new();
    let count = source.read_to_end(&mut bytes);
    count.map_err(|error| anyhow!("cannot read {}: {error}", source.name))?;
    let text = String::from_utf8(bytes).ok();
    text.with_context(|| format!("{} is not valid UTF-8", source.name))
}
