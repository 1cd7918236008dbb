//! One NumPy array of all vectors, and one of offsets where a text may have several.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use npyz::{AutoSerialize, WriterBuilder};

use super::{Precision, Row, Rows, Shape};
use crate::Usage;
use crate::output::{Output, explain};

pub(super) struct Npy {
    precision: Precision,
    values: Array,
    rows: u64,
    /// How many texts they are of.
    texts: usize,
    /// Where each text's rows start, and the last one's end, if there may be several.
    offsets: Option<Array>,
}

impl Npy {
    pub(super) fn create(path: Option<&Path>, shape: Shape) -> Result<Self> {
        let offsets = if shape.per_token || shape.in_passages {
            let path = path.filter(|path| *path != Path::new("-"));
            let path = path.ok_or(Usage(
                "--format npy with --pooling none or --overflow chunk writes two files: name the first with --output FILE",
            ))?;
            Some(Array::create(Some(&offsets_path(path)))?)
        } else {
            None
        };
        Ok(Self {
            precision: shape.precision,
            values: Array::create(path)?,
            rows: 0,
            texts: 0,
            offsets,
        })
    }

    fn write_offset(&mut self) -> Result<()> {
        if let Some(offsets) = &mut self.offsets {
            offsets.write(&self.rows.to_le_bytes())?;
        }
        Ok(())
    }
}

impl Rows for Npy {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        if row.index == self.texts {
            self.write_offset()?;
            self.texts += 1;
        }
        for vector in row.vectors(self.precision) {
            self.values.write(&vector.bytes())?;
            self.rows += 1;
        }
        Ok(())
    }

    /// Both files are written whole before either gets its name.
    fn finish(mut self: Box<Self>, dimensions: usize) -> Result<()> {
        self.write_offset()?;
        let shape = [self.rows, self.precision.columns(dimensions) as u64];
        let output = match self.precision {
            Precision::Float32 => self.values.write_out(&shape, f32::from_le_bytes)?,
            Precision::Int8 => self.values.write_out(&shape, i8::from_le_bytes)?,
            Precision::Ubinary => self.values.write_out(&shape, u8::from_le_bytes)?,
        };
        if let Some(offsets) = self.offsets {
            let count = offsets.bytes / 8;
            let output = offsets.write_out(&[count], u64::from_le_bytes)?;
            output.finish()?;
        }
        output.finish()
    }
}

/// The header of an array says how many elements it has, so they wait in a temporary file until that is known.
struct Array {
    output: Output,
    elements: BufWriter<File>,
    /// Where these are, as people know it.
    place: String,
    bytes: u64,
}

impl Array {
    fn create(path: Option<&Path>) -> Result<Self> {
        let output = Output::create(path)?;
        let folder = output.folder().unwrap_or_else(std::env::temp_dir);
        let place = format!("a temporary file in {}", folder.display());
        let elements = tempfile::tempfile_in(&folder).map_err(|error| explain(&place, &error))?;
        Ok(Self {
            output,
            elements: BufWriter::new(elements),
            place,
            bytes: 0,
        })
    }

    fn write(&mut self, element: &[u8]) -> io::Result<()> {
        self.bytes += element.len() as u64;
        let written = self.elements.write_all(element);
        written.map_err(|error| explain(&self.place, &error))
    }

    /// The whole array; its file has no name yet.
    fn write_out<T: AutoSerialize, const N: usize>(
        self,
        shape: &[u64],
        element: impl Fn([u8; N]) -> T,
    ) -> Result<Output> {
        let (mut output, place) = (self.output, self.place);
        let mut elements = self
            .elements
            .into_inner()
            .map_err(|error| explain(&place, error.error()))?;
        elements.rewind()?;
        let mut elements = BufReader::with_capacity(1 << 16, elements);
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(shape)
            .writer(&mut output)
            .begin_nd()?;
        let mut bytes = [0; N];
        for _ in 0..shape.iter().product() {
            elements.read_exact(&mut bytes)?;
            writer.push(&element(bytes))?;
        }
        writer.finish()?;
        output.flush()?;
        Ok(output)
    }
}

/// `NAME.npy` -> `NAME.offsets.npy`
fn offsets_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(".offsets.npy");
    path.with_file_name(name)
}
