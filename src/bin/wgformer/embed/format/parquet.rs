//! A Parquet file of the columns `index`, `text`, `tokens` and `embedding`: a list of numbers, or of a list per token.
//! Passages have `start` and `end` too, and pairs of texts `pair`.

use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::ColumnPath;
use anyhow::{Result, anyhow};

use super::{Precision, Row, Rows, Shape, Vector};
use crate::output::Output;

/// Rows of so many bytes are a row group, which has to be in memory until it is whole.
const GROUP_BYTES: usize = 32 << 20;

fn schema(shape: Shape) -> String {
    let element = match shape.precision {
        Precision::Float32 => "required float element;",
        Precision::Int8 => "required int32 element (integer(8, true));",
        Precision::Ubinary => "required int32 element (integer(8, false));",
    };
    let vector = if shape.per_token {
        format!("required group element (list) {{ repeated group list {{ {element} }} }}")
    } else {
        element.to_owned()
    };
    let place = if shape.in_passages {
        "required int64 start; required int64 end;"
    } else {
        ""
    };
    let pair = if shape.of_pairs {
        "required binary pair (string);"
    } else {
        ""
    };
    format!(
        "message wgformer {{
            required int64 index;
            required binary text (string);
            {pair}
            {place}
            required int64 tokens;
            required group embedding (list) {{ repeated group list {{ {vector} }} }}
        }}"
    )
}

impl Shape {
    /// Of the lists around a number.
    fn depth(self) -> i16 {
        if self.per_token { 2 } else { 1 }
    }
}

pub(super) struct Parquet {
    writer: SerializedFileWriter<Output>,
    shape: Shape,
    group: Group,
}

/// The columns of a row group.
#[derive(Default)]
struct Group {
    indices: Vec<i64>,
    texts: Vec<ByteArray>,
    pairs: Vec<ByteArray>,
    places: [Vec<i64>; 2],
    tokens: Vec<i64>,
    floats: Vec<f32>,
    /// Instead of floats.
    integers: Vec<i32>,
    /// Which list a value begins: 0 a text's, 1 in it, and where there is one per token 1 a token's and 2 in it.
    repetition: Vec<i16>,
    bytes: usize,
}

impl Parquet {
    pub(super) fn create(path: Option<&Path>, shape: Shape) -> Result<Self> {
        let values = if shape.per_token {
            "embedding.list.element.list.element"
        } else {
            "embedding.list.element"
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
            Arc::new(parse_message_type(&schema(shape))?),
            Arc::new(properties),
        );
        Ok(Self {
            writer: writer.map_err(explain)?,
            shape,
            group: Group::default(),
        })
    }

    fn write_group(&mut self) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        let depth = self.shape.depth();
        let mut writer = self.writer.next_row_group().map_err(explain)?;
        write_column::<Int64Type>(&mut writer, &group.indices, None)?;
        write_column::<ByteArrayType>(&mut writer, &group.texts, None)?;
        if self.shape.of_pairs {
            write_column::<ByteArrayType>(&mut writer, &group.pairs, None)?;
        }
        if self.shape.in_passages {
            for ends in &group.places {
                write_column::<Int64Type>(&mut writer, ends, None)?;
            }
        }
        write_column::<Int64Type>(&mut writer, &group.tokens, None)?;
        // Nothing is optional and no list is empty: every level is defined.
        let defined = vec![depth; group.repetition.len()];
        let levels = Some((&defined[..], &group.repetition[..]));
        match self.shape.precision {
            Precision::Float32 => {
                write_column::<FloatType>(&mut writer, &group.floats, levels)?;
            }
            Precision::Int8 | Precision::Ubinary => {
                write_column::<Int32Type>(&mut writer, &group.integers, levels)?;
            }
        }
        writer.close().map_err(explain)?;
        Ok(())
    }
}

impl Group {
    /// A vector's numbers; how many they are.
    fn add(&mut self, vector: &Vector<'_>) -> usize {
        match vector {
            Vector::Float32(values) => {
                self.floats.extend(*values);
                values.len()
            }
            Vector::Int8(values) => {
                self.integers.extend(values.iter().map(|it| i32::from(*it)));
                values.len()
            }
            Vector::Ubinary(values) => {
                self.integers.extend(values.iter().map(|it| i32::from(*it)));
                values.len()
            }
        }
    }
}

impl Rows for Parquet {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let depth = self.shape.depth();
        let group = &mut self.group;
        group.indices.push(i64::try_from(row.index)?);
        group.texts.push(row.text.as_bytes().to_vec().into());
        if self.shape.of_pairs {
            let pair = row.pair.unwrap_or_default();
            group.pairs.push(pair.as_bytes().to_vec().into());
            group.bytes += pair.len();
        }
        if let Some(place) = &row.place {
            group.places[0].push(i64::try_from(place.start)?);
            group.places[1].push(i64::try_from(place.end)?);
        }
        group.tokens.push(i64::try_from(row.tokens)?);
        for (place, vector) in row.vectors(self.shape.precision).enumerate() {
            let count = group.add(&vector);
            let first = i16::from(place > 0);
            group.repetition.push(first);
            group.repetition.extend(vec![depth; count - 1]);
        }
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
