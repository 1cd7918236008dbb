//! What `embed` writes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use npyz::WriterBuilder;
use serde::Serialize;
use wgformer::tasks::Embedding;

use super::Format;
use crate::Usage;
use crate::output::Output;

/// A JSON line per text, or one array at the end.
pub(super) struct Writer {
    output: Output,
    npy: Option<Npy>,
    per_token: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
    tokens: usize,
    embedding: Vectors<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vectors<'a> {
    One(&'a [f32]),
    PerToken(Vec<&'a [f32]>),
}

impl Writer {
    pub(super) fn create(format: Format, path: Option<&Path>, per_token: bool) -> Result<Self> {
        let npy = match format {
            Format::Jsonl => None,
            Format::Npy => Some(Npy::create(path, per_token)?),
        };
        Ok(Self {
            output: Output::create(path)?,
            npy,
            per_token,
        })
    }

    pub(super) fn write(
        &mut self,
        index: usize,
        text: &str,
        embedding: &Embedding,
        hidden: usize,
    ) -> Result<()> {
        if let Some(npy) = &mut self.npy {
            return npy.write(embedding);
        }
        let values = &embedding.values[..];
        let embedding_values = if self.per_token {
            Vectors::PerToken(values.chunks(hidden).collect())
        } else {
            Vectors::One(values)
        };
        let line = Line {
            index,
            text,
            tokens: embedding.tokens,
            embedding: embedding_values,
        };
        serde_json::to_writer(&mut self.output, &line).map_err(io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }

    pub(super) fn finish(mut self, hidden: usize) -> Result<()> {
        if let Some(npy) = self.npy {
            npy.finish(&mut self.output, hidden)?;
        }
        self.output.finish()
    }
}

/// The header of an array says how many rows it has, so the rows wait in a temporary file until that is known.
struct Npy {
    rows: BufWriter<File>,
    count: u64,
    /// Where each text's rows start, and the last one's end, if there is one row per token.
    offsets: Option<(Output, Vec<u64>)>,
}

impl Npy {
    fn create(path: Option<&Path>, per_token: bool) -> Result<Self> {
        let rows = tempfile::tempfile().map_err(|error| {
            let folder = std::env::temp_dir();
            anyhow!(
                "cannot create a temporary file in {}: {error}",
                folder.display()
            )
        })?;
        let offsets = if per_token {
            let path = path.filter(|path| *path != Path::new("-"));
            let path = path.ok_or(Usage(
                "--format npy with --pooling none writes two files: name the first with --output FILE",
            ))?;
            Some((Output::create(Some(&offsets_path(path)))?, vec![0]))
        } else {
            None
        };
        Ok(Self {
            rows: BufWriter::new(rows),
            count: 0,
            offsets,
        })
    }

    fn write(&mut self, embedding: &Embedding) -> Result<()> {
        for value in &embedding.values {
            self.rows.write_all(&value.to_le_bytes())?;
        }
        self.count += if self.offsets.is_some() {
            embedding.tokens as u64
        } else {
            1
        };
        if let Some((_, offsets)) = &mut self.offsets {
            offsets.push(self.count);
        }
        Ok(())
    }

    fn finish(self, output: &mut Output, hidden: usize) -> Result<()> {
        let mut rows = self
            .rows
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        rows.rewind()?;
        let mut rows = BufReader::new(rows);
        let shape = [self.count, hidden as u64];
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(output)
            .begin_nd()?;
        let mut bytes = [0; 4];
        for _ in 0..shape.iter().product() {
            rows.read_exact(&mut bytes)?;
            writer.push(&f32::from_le_bytes(bytes))?;
        }
        writer.finish()?;
        let Some((mut output, offsets)) = self.offsets else {
            return Ok(());
        };
        let shape = [offsets.len() as u64];
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(&mut output)
            .begin_nd()?;
        writer.extend(offsets)?;
        writer.finish()?;
        output.finish()
    }
}

/// `NAME.npy` -> `NAME.offsets.npy`
fn offsets_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(".offsets.npy");
    path.with_file_name(name)
}
