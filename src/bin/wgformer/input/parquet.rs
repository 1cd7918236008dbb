//! A column of strings in a Parquet file.

use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::reader::RowIter;
use ::parquet::record::{Field, Row};
use ::parquet::schema::types::Type;
use anyhow::{Result, anyhow};

use super::{Texts, list};
use crate::source;

pub(super) fn texts(path: &Path, column: &str) -> Result<Texts> {
    if path == Path::new("-") {
        return Err(anyhow!(
            "a Parquet file cannot be read from standard input, since it begins at its end: name it with --input FILE"
        ));
    }
    let name = path.display().to_string();
    let file = source::open(path)?;
    let broken = |error: &dyn std::fmt::Display| anyhow!("cannot read {name}: {error}");
    // The crate has panicked on damaged files; the rows are read in a stage that catches that.
    let reader = catch_unwind(|| SerializedFileReader::new(file))
        .map_err(|_| broken(&"its metadata is damaged"))?
        .map_err(|error| broken(&error))?;
    let total = u64::try_from(reader.metadata().file_metadata().num_rows()).ok();
    let schema = reader.metadata().file_metadata().schema();
    let field = schema.get_fields().iter().find(|it| it.name() == column);
    let field = field.ok_or_else(|| {
        let names = schema.get_fields().iter().map(|field| field.name());
        anyhow!(
            "{name} has no column {column:?}, it has {}; name one with --field",
            list(names)
        )
    })?;
    if !is_text(field) {
        return Err(anyhow!(
            "{name}: the column {column:?} holds no strings; name one that does with --field"
        ));
    }
    if let Some(compression) = unreadable_compression(reader.metadata(), column) {
        return Err(anyhow!(
            "{name}: the column {column:?} is compressed by {compression}; write it uncompressed or with Snappy or LZ4"
        ));
    }
    let projection = Type::group_type_builder(schema.name())
        .with_fields(vec![Arc::clone(field)])
        .build()
        .map_err(|error| broken(&error))?;
    let rows = RowIter::from_file_into(Box::new(reader)).project(Some(projection));
    let rows = rows.map_err(|error| broken(&error))?;
    let column = column.to_owned();
    let texts = (1..).zip(rows).map(move |(number, row)| {
        row.map_err(|error| error.to_string())
            .and_then(text)
            .map_err(|message| anyhow!("{name}: row {number}, column {column:?}: {message}"))
    });
    Ok(Texts {
        texts: Box::new(texts),
        total,
    })
}

/// Whether it holds one string per row; old writers leave out that they are strings.
fn is_text(field: &Type) -> bool {
    let is_string = matches!(
        field.get_basic_info().converted_type(),
        ConvertedType::UTF8 | ConvertedType::NONE
    );
    let is_repeated = field.get_basic_info().has_repetition()
        && field.get_basic_info().repetition() == Repetition::REPEATED;
    field.is_primitive()
        && field.get_physical_type() == Physical::BYTE_ARRAY
        && is_string
        && !is_repeated
}

/// What this build has no decoder for, if the column is compressed by that anywhere.
fn unreadable_compression(metadata: &ParquetMetaData, column: &str) -> Option<Compression> {
    let columns = metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns());
    let mut compressions = columns
        .filter(|it| it.column_path().parts() == [column])
        .map(|it| it.compression());
    compressions.find(|compression| {
        !matches!(
            compression,
            Compression::UNCOMPRESSED
                | Compression::SNAPPY
                | Compression::LZ4
                | Compression::LZ4_RAW
        )
    })
}

fn text(row: Row) -> Result<String, String> {
    match row.into_columns().pop() {
        Some((_, Field::Str(text))) => Ok(text),
        Some((_, Field::Bytes(bytes))) => {
            String::from_utf8(bytes.data().to_vec()).map_err(|_| "it is not valid UTF-8".to_owned())
        }
        _ => Err("it is null, and a text is a string".to_owned()),
    }
}
