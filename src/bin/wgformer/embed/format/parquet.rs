//! A Parquet file of the columns `index`, `text`, `tokens` and `embedding`: a list of floats, or of a list per token.

use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::ColumnPath;
use anyhow::{Result, anyhow};

use super::{Row, Rows};
use crate::output::Output;

/// Rows of so many bytes are a row group, which has to be in memory until it is whole.
const GROUP_BYTES: usize = 32 << 20;

const SCHEMA: &str = "message wgformer {
    required int64 index;
    required binary text (string);
    required int64 tokens;
    required group embedding (list) {
        repeated group list { required float element; }
    }
}";

const SCHEMA_PER_TOKEN: &str = "message wgformer {
    required int64 index;
    required binary text (string);
    required int64 tokens;
    required group embedding (list) {
        repeated group list {
            required group element (list) {
                repeated group list { required float element; }
            }
        }
    }
}";

pub(super) struct Parquet {
    writer: SerializedFileWriter<Output>,
    per_token: bool,
    group: Group,
}

/// The columns of a row group.
#[derive(Default)]
struct Group {
    indices: Vec<i64>,
    texts: Vec<ByteArray>,
    tokens: Vec<i64>,
    values: Vec<f32>,
    /// Which list a value begins: 0 a text's, 1 in it, and where there is one per token 1 a token's and 2 in it.
    repetition: Vec<i16>,
    bytes: usize,
}

impl Parquet {
    pub(super) fn create(path: Option<&Path>, per_token: bool) -> Result<Self> {
        let (schema, values) = if per_token {
            (SCHEMA_PER_TOKEN, "embedding.list.element.list.element")
        } else {
            (SCHEMA, "embedding.list.element")
        };
        let values = ColumnPath::new(values.split('.').map(str::to_owned).collect());
        // Vectors hardly repeat, and do not shrink.
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_column_compression(values.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(values.clone(), false)
            .set_column_statistics_enabled(values, EnabledStatistics::None)
            .build();
        let writer = SerializedFileWriter::new(
            Output::create(path)?,
            Arc::new(parse_message_type(schema)?),
            Arc::new(properties),
        );
        Ok(Self {
            writer: writer.map_err(explain)?,
            per_token,
            group: Group::default(),
        })
    }

    fn write_group(&mut self) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        let mut writer = self.writer.next_row_group().map_err(explain)?;
        write_column::<Int64Type>(&mut writer, &group.indices, None)?;
        write_column::<ByteArrayType>(&mut writer, &group.texts, None)?;
        write_column::<Int64Type>(&mut writer, &group.tokens, None)?;
        // Nothing is optional and no list is empty: every level is defined.
        let depth = if self.per_token { 2 } else { 1 };
        let defined = vec![depth; group.values.len()];
        write_column::<FloatType>(
            &mut writer,
            &group.values,
            Some((&defined, &group.repetition)),
        )?;
        writer.close().map_err(explain)?;
        Ok(())
    }
}

impl Rows for Parquet {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let group = &mut self.group;
        group.indices.push(i64::try_from(row.index)?);
        group.texts.push(row.text.as_bytes().to_vec().into());
        group.tokens.push(i64::try_from(row.tokens)?);
        group.values.extend(row.values);
        let dimensions = row.kind.dimensions();
        let deepest = if self.per_token { 2 } else { 1 };
        let repetition = (0..row.values.len()).map(|place| match place {
            0 => 0,
            _ if place % dimensions == 0 => 1,
            _ => deepest,
        });
        group.repetition.extend(repetition);
        group.bytes += row.text.len() + 8 * row.values.len();
        if group.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: usize) -> Result<()> {
        if !self.group.indices.is_empty() {
            self.write_group()?;
        }
        self.writer.into_inner().map_err(explain)?.finish()
    }
}

/// `levels`: of definition and of repetition, one each per value.
fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Output>,
    values: &[T::T],
    levels: Option<(&[i16], &[i16])>,
) -> Result<()> {
    let column = group.next_column().map_err(explain)?;
    let mut column = column.ok_or_else(|| anyhow!("the schema has too few columns"))?;
    let (defined, repetition) = levels.unzip();
    column
        .typed::<T>()
        .write_batch(values, defined, repetition)
        .map_err(explain)?;
    column.close().map_err(explain)
}

/// What the output itself said, where that is what went wrong.
fn explain(error: ::parquet::errors::ParquetError) -> anyhow::Error {
    match error {
        ::parquet::errors::ParquetError::External(error) => {
            match error.downcast::<std::io::Error>() {
                Ok(error) => anyhow::Error::from(*error),
                Err(error) => anyhow!("{error}"),
            }
        }
        error => anyhow!("{error}"),
    }
}
