//! One NumPy array of all vectors.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use npyz::WriterBuilder;
use wgformer::tasks::Embedding;

use crate::Usage;
use crate::output::{Output, explain};

/// The header of an array says how many rows it has, so the rows wait in a temporary file until that is known.
pub(super) struct Npy {
    rows: BufWriter<File>,
    count: u64,
    /// Where each text's rows start, and the last one's end, if there is one row per token.
    offsets: Option<(Output, Vec<u64>)>,
}

impl Npy {
    pub(super) fn create(path: Option<&Path>, per_token: bool) -> Result<Self> {
        let rows = tempfile::tempfile().map_err(|error| explain_rows(&error))?;
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

    pub(super) fn write(&mut self, embedding: &Embedding) -> Result<()> {
        for value in &embedding.values {
            self.rows
                .write_all(&value.to_le_bytes())
                .map_err(|error| explain_rows(&error))?;
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

    /// Both files are written whole before either gets its name.
    pub(super) fn finish(self, mut output: Output, hidden: usize) -> Result<()> {
        let mut rows = self
            .rows
            .into_inner()
            .map_err(|error| explain_rows(error.error()))?;
        rows.rewind()?;
        let mut rows = BufReader::new(rows);
        let shape = [self.count, hidden as u64];
        let mut writer = begin(&mut output, &shape)?;
        let mut bytes = [0; 4];
        for _ in 0..shape.iter().product() {
            rows.read_exact(&mut bytes)?;
            writer.push(&f32::from_le_bytes(bytes))?;
        }
        writer.finish()?;
        output.flush()?;
        if let Some((mut output, offsets)) = self.offsets {
            let mut writer = begin(&mut output, &[offsets.len() as u64])?;
            writer.extend(offsets)?;
            writer.finish()?;
            output.finish()?;
        }
        output.finish()
    }
}

fn begin<'a, T: npyz::AutoSerialize>(
    output: &'a mut Output,
    shape: &[u64],
) -> io::Result<npyz::NpyWriter<T, &'a mut Output>> {
    npyz::WriteOptions::new()
        .default_dtype()
        .shape(shape)
        .writer(output)
        .begin_nd()
}

fn explain_rows(error: &io::Error) -> io::Error {
    explain(
        &format!("a temporary file in {}", std::env::temp_dir().display()),
        error,
    )
}

/// `NAME.npy` -> `NAME.offsets.npy`
fn offsets_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(".offsets.npy");
    path.with_file_name(name)
}
