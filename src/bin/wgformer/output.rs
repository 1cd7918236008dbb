//! Where a command writes: standard output, or a file that appears under its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::interrupt::Unfinished;
use crate::temporary::{self, folder};

pub(crate) struct Output {
    /// As people know it.
    name: String,
    sink: Sink,
}

enum Sink {
    Stream(Box<dyn Write + Send>),
    /// Written beside its final place and renamed at the end.
    File {
        writer: BufWriter<NamedTempFile>,
        path: PathBuf,
        /// Until it is renamed.
        _unfinished: Unfinished,
    },
}

impl Output {
    pub(crate) fn stdout() -> Self {
        let sink = Sink::Stream(Box::new(BufWriter::new(io::stdout())));
        Self {
            name: "standard output".to_owned(),
            sink,
        }
    }

    /// `-` or no path is standard output; a device or a pipe is written to as it is.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::stdout());
        };
        let name = path.display().to_string();
        if path.is_dir() {
            return Err(anyhow!("cannot write {name}: it is a folder"));
        }
        let sink = if path.exists() && !path.is_file() {
            let file = File::create(path).map_err(|error| explain(&name, &error))?;
            Sink::Stream(Box::new(BufWriter::new(file)))
        } else {
            // Through a link: it is the file that is replaced.
            let path = temporary::behind_links(path).map_err(|error| explain(&name, &error))?;
            temporary::remove_abandoned(&path);
            let file = Unfinished::create(|| temporary::beside(&path));
            let (file, unfinished) = file.map_err(|error| explain(&name, &error))?;
            Sink::File {
                writer: BufWriter::new(file),
                path,
                _unfinished: unfinished,
            }
        };
        Ok(Self { name, sink })
    }

    /// Where its file will be, if it is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match &self.sink {
            Sink::Stream(_) => None,
            Sink::File { path, .. } => Some(folder(path).to_owned()),
        }
    }

    /// Everything is written: the file gets its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()?;
        let Sink::File {
            writer,
            path,
            _unfinished,
        } = self.sink
        else {
            return Ok(());
        };
        let file = writer
            .into_inner()
            .map_err(|error| explain(&self.name, error.error()))?;
        file.persist(&path)
            .map_err(|error| explain(&self.name, &error.error))?;
        Ok(())
    }
}

/// What an option names, if it is given.
pub(crate) type Given<'a> = (&'static str, Option<&'a Path>);

/// An output that is also another file, under whatever name, would take its place.
///
/// # Errors
/// If it is.
pub(crate) fn check_is_not((option, other): Given<'_>, (own, output): Given<'_>) -> Result<()> {
    let (Some(other), Some(output)) = (other, output) else {
        return Ok(());
    };
    let is_same = match (place(other), place(output)) {
        (Some(other), Some(output)) => other == output && (output.is_file() || !output.exists()),
        _ => false,
    };
    if is_same {
        let (other, output) = (other.display(), output.display());
        return Err(anyhow!(
            "{own} {output} is the file of {option} {other}, and it would replace it: name another {own}"
        ));
    }
    Ok(())
}

/// A file's name without links, also of one that is not there yet; `None` of `-`.
fn place(path: &Path) -> Option<PathBuf> {
    if path == Path::new("-") {
        return None;
    }
    let parent = || fs::canonicalize(folder(path)).ok();
    let place = fs::canonicalize(path).ok();
    place.or_else(|| Some(parent()?.join(path.file_name()?)))
}

/// The same kind of error, in words that name the file.
pub(crate) fn explain(name: &str, error: &io::Error) -> io::Error {
    let cause = temporary::without_path(error);
    io::Error::new(error.kind(), format!("cannot write {name}: {cause}"))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.sink {
            Sink::Stream(writer) => writer.write(bytes),
            Sink::File { writer, .. } => writer.write(bytes),
        };
        written.map_err(|error| explain(&self.name, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.sink {
            Sink::Stream(writer) => writer.flush(),
            Sink::File { writer, .. } => writer.flush(),
        };
        flushed.map_err(|error| explain(&self.name, &error))
    }
}

/// One JSON document on standard output.
pub(crate) fn print_document(document: &impl Serialize) -> Result<()> {
    let mut stdout = Output::stdout();
    serde_json::to_writer_pretty(&mut stdout, document).map_err(io::Error::from)?;
    writeln!(stdout)?;
    stdout.finish()
}

/// A JSON document per line on standard output.
pub(crate) fn print_lines(lines: &[impl Serialize]) -> Result<()> {
    let mut stdout = Output::stdout();
    for line in lines {
        write_line(&mut stdout, line)?;
    }
    stdout.finish()
}

/// A JSON document, and the end of its line.
pub(crate) fn write_line(output: &mut Output, document: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *output, document).map_err(io::Error::from)?;
    output.write_all(b"\n")?;
    Ok(())
}

/// A file's control characters must not reach the terminal, nor what ends lines or turns their direction.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() || is_of_layout(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(shown).collect()
}

/// Line and paragraph separators, and the marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm
/// (Standard Annex 9).
fn is_of_layout(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_moves_a_terminals_text_is_shown_by_its_number() {
        let shown = printable("\u{202e}\u{1b}[2J雪 é\u{2028}\u{2066}");
        assert_eq!(shown, "\\u{202e}\\u{1b}[2J雪 é\\u{2028}\\u{2066}");
    }
}
