//! An index in a file: safetensors with one tensor, `vectors`, `[len, dimensions]` of f32, as other programs read it too.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::options::length;
use super::{Index, IndexOptions, Metric};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::SafetensorsFile;
use crate::whole_file;

const FORMAT: &str = "wgformer index 1";
const VECTORS: &str = "vectors";

impl Index {
    /// Writes the vectors to a file, which appears under its name, or is replaced, only once it is whole. What a process
    /// that was killed meanwhile left of it is removed by the next.
    ///
    /// It is a safetensors file whose one tensor, `vectors`, is `[len, dimensions]` of f32; vectors compared by their
    /// cosine have length 1 there.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use wgformer::index::{Index, IndexOptions};
    /// use wgformer::tensor::WeightType;
    ///
    /// let gpu = wgformer::Gpu::new()?;
    /// let mut index = Index::new(&gpu, 2, &IndexOptions::default())?;
    /// index.add(&[[1.0, 0.0], [0.0, 1.0]])?;
    /// let path = folder.path().join("vectors.safetensors");
    /// index.save(&path)?;
    /// let halves = IndexOptions::default().weight_type(WeightType::F16);
    /// assert_eq!(Index::load(&gpu, &path, &halves)?.len(), 2);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        whole_file::write(path, |file| self.write(file)).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// [`Index::save`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Index::save`].
    pub async fn save_async(&self, path: impl AsRef<Path>) -> Result<()> {
        let (own, path) = (self.clone(), path.as_ref().to_owned());
        self.gpu.off_thread(move || own.save(path)).await
    }

    fn write(&self, file: &File) -> io::Result<()> {
        let [len, dimensions] = [self.len(), self.dimensions()];
        let header = json!({
            "__metadata__": { "format": FORMAT, "metric": self.metric().to_string() },
            VECTORS: {
                "dtype": "F32",
                "shape": [len, dimensions],
                "data_offsets": [0, 4 * len * dimensions],
            },
        });
        let mut header = header.to_string();
        header += &" ".repeat(header.len().next_multiple_of(8) - header.len()); // so that the floats are aligned
        let mut writer = BufWriter::new(file);
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(header.as_bytes())?;
        for row in self.rows.iter() {
            writer.write_all(bytemuck::cast_slice(row))?;
        }
        writer.flush()?;
        drop(writer);
        file.sync_all()
    }

    /// Reads what [`Index::save`] wrote. The file says which metric it is of.
    ///
    /// See [`Index::save`] for an example.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Malformed`] if it is damaged or no index,
    /// [`Error::Unsupported`] if `options` name another metric; [`Error::Vector`] and [`Error::Limit`] as [`Index::add`]
    /// for the vectors in it.
    pub fn load(gpu: &Gpu, path: impl AsRef<Path>, options: &IndexOptions) -> Result<Self> {
        let path = path.as_ref();
        let malformed = |message: String| Error::Malformed {
            path: path.to_owned(),
            message,
        };
        let file = SafetensorsFile::open(path)?;
        let metric = metric(&file).map_err(malformed)?;
        let info = file.metadata().info(VECTORS);
        let info = info.ok_or_else(|| malformed(format!("has no tensor {VECTORS:?}")))?;
        let &[_, dimensions] = &info.shape[..] else {
            let message = format!(
                "has vectors of shape {:?}, [len, dimensions] is needed",
                info.shape
            );
            return Err(malformed(message));
        };
        if dimensions == 0 {
            return Err(malformed("has vectors of no dimensions".to_owned()));
        }
        if let Some(wanted) = options.metric.filter(|wanted| *wanted != metric) {
            return Err(Error::Unsupported {
                path: path.to_owned(),
                what: "metric",
                found: metric.to_string(),
                supported: format!("{wanted}, by the options"),
            });
        }
        let mut index = Self::new(gpu, dimensions, &options.clone().metric(metric))?;
        let values = file.values(VECTORS, 0..info.shape.iter().product())?;
        index.check_room(values.len() / dimensions)?;
        for (place, vector) in values.chunks_exact(dimensions).enumerate() {
            index.check("vector", place, vector)?;
            if metric == Metric::Cosine && !is_normal(vector) {
                let message = format!("vector {place} has length {}, not 1", length(vector));
                return Err(malformed(message));
            }
            Arc::make_mut(&mut index.rows).push(vector); // to the bit what was saved
        }
        Ok(index)
    }

    /// [`Index::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Index::load`].
    pub async fn load_async(
        gpu: &Gpu,
        path: impl AsRef<Path>,
        options: &IndexOptions,
    ) -> Result<Self> {
        let (own, path, options) = (gpu.clone(), path.as_ref().to_owned(), options.clone());
        gpu.off_thread(move || Self::load(&own, path, &options))
            .await
    }
}

fn metric(file: &SafetensorsFile) -> Result<Metric, String> {
    let metadata = file.metadata().metadata().as_ref();
    let entry = |name| {
        metadata
            .and_then(|entries| entries.get(name))
            .map(String::as_str)
    };
    if entry("format") != Some(FORMAT) {
        return Err(format!(
            "is no index: its format is {:?}, {FORMAT:?} is needed",
            entry("format")
        ));
    }
    let metrics = [Metric::Cosine, Metric::DotProduct];
    let named = |metric: &Metric| entry("metric") == Some(&metric.to_string());
    metrics
        .into_iter()
        .find(named)
        .ok_or_else(|| format!("has the metric {:?}, which is none", entry("metric")))
}

/// Of length 1 as far as f32 goes, or all zeros.
fn is_normal(vector: &[f32]) -> bool {
    let length = length(vector);
    length == 0.0 || (length - 1.0).abs() < 1e-5
}
