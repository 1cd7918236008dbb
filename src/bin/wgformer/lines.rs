//! Texts from a file, one per line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, anyhow};

use crate::source::Source;

/// The lines of a file or, for `-`, of standard input: without their ends, the first without a byte-order mark.
/// An empty line is a text.
pub(crate) struct Lines {
    source: Source,
    number: usize,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            source: Source::open(path)?,
            number: 0,
        })
    }

    /// Where the last line was, for errors.
    pub(crate) fn place(&self) -> String {
        format!("{}: line {}", self.name(), self.number)
    }

    /// The file, as people know it.
    pub(crate) fn name(&self) -> &str {
        &self.source.name
    }

    /// Of the last line, from 1.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    fn read(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        let count = self.source.read_until(b'\n', &mut line);
        if count.map_err(|error| anyhow!("cannot read {}: {error}", self.source.name))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        for end in [&b"\n"[..], b"\r"] {
            if line.ends_with(end) {
                line.truncate(line.len() - 1);
            }
        }
        if self.number == 1 && line.starts_with("\u{feff}".as_bytes()) {
            line.drain(..3);
        }
        let line = String::from_utf8(line).ok();
        let line = line.with_context(|| format!("{} is not valid UTF-8", self.place()))?;
        Ok(Some(line))
    }
}

impl Iterator for Lines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// How many lines a file has, where that can be known before it is read.
pub(crate) fn count(path: &Path) -> Option<u64> {
    if path == Path::new("-") || !path.is_file() {
        return None;
    }
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path).ok()?);
    let (mut lines, mut ends_in_newline) = (0, true);
    loop {
        let chunk = reader.fill_buf().ok()?;
        let Some(last) = chunk.last() else { break };
        ends_in_newline = *last == b'\n';
        lines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        let length = chunk.len();
        reader.consume(length);
    }
    Some(lines + u64::from(!ends_in_newline))
}
