//! A column of strings in a Parquet file, or several of anything.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::reader::RowIter;
use ::parquet::record::{Field, Row};
use ::parquet::schema::types::{Type, TypePtr};
use anyhow::{Result, anyhow};
use serde_json::Value;

use super::records::{Place, Record};
use super::{Texts, list};
use crate::source;

pub(super) fn texts(path: &Path, column: &str) -> Result<Texts> {
    let table = Table::open(path)?;
    let name = table.name.clone();
    let field = table.fields().iter().find(|it| it.name() == column);
    let field = field.ok_or_else(|| {
        anyhow!(
            "{name} has no column {column:?}, it has {}; name one with --field",
            list(table.fields().iter().map(|field| field.name()))
        )
    })?;
    if !is_text(field) {
        return Err(anyhow!(
            "{name}: the column {column:?} holds no strings; name one that does with --field"
        ));
    }
    let total = u64::try_from(table.reader.metadata().file_metadata().num_rows()).ok();
    let rows = (1..).zip(table.rows(|name| name == column)?);
    let column = column.to_owned();
    let texts = rows.map(move |(number, row)| {
        row.and_then(text)
            .map_err(|message| anyhow!("{name}: row {number}, column {column:?}: {message}"))
    });
    Ok(Texts {
        texts: Box::new(texts),
        total,
    })
}

/// The columns whose names are wanted, of every row.
pub(super) fn records(
    path: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<impl Iterator<Item = Result<Record>>> {
    let table = Table::open(path)?;
    let file: Arc<str> = table.name.clone().into();
    // Without any that is wanted: all, for the error to list them.
    let is_there = table.fields().iter().any(|it| is_wanted(it.name()));
    let rows = table.rows(|name| !is_there || is_wanted(name))?;
    Ok((1..).zip(rows).map(move |(number, row)| {
        let row = row.map_err(|error| anyhow!("{file}: row {number}: {error}"))?;
        let values = row.into_columns().into_iter();
        let values = values.map(|(name, field)| (name, value(field)));
        Ok(Record::new(&file, Place::Row(number), values.collect()))
    }))
}

/// What has neither text nor number in it, such as a date, is null.
fn value(field: Field) -> Value {
    match field {
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned().into(),
        Field::Bool(value) => value.into(),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => value.into(),
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float(value) => value.into(),
        Field::Double(value) => value.into(),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        _ => Value::Null,
    }
}

/// A file whose metadata is read.
struct Table {
    name: String,
    reader: SerializedFileReader<File>,
}

impl Table {
    fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Err(anyhow!(
                "a Parquet file cannot be read from standard input, since it begins at its end: name it with --input FILE"
            ));
        }
        let name = path.display().to_string();
        let file = source::open(path)?;
        let reader = caught(|| SerializedFileReader::new(file))
            .map_err(|Damaged| anyhow!("cannot read {name}: its metadata is damaged"))?
            .map_err(|error| anyhow!("cannot read {name}: {error}"))?;
        Ok(Self { name, reader })
    }

    fn fields(&self) -> &[TypePtr] {
        self.reader.metadata().file_metadata().schema().get_fields()
    }

    /// Of each row the columns whose names are wanted.
    fn rows(self, is_wanted: impl Fn(&str) -> bool) -> Result<Rows> {
        let Self { name, reader } = self;
        let broken = |error| anyhow!("cannot read {name}: {error}");
        if let Some((column, compression)) = unreadable_compression(reader.metadata(), &is_wanted) {
            return Err(anyhow!(
                "{name}: the column {column:?} is compressed by {compression}; write it uncompressed or with Snappy or LZ4"
            ));
        }
        let schema = reader.metadata().file_metadata().schema();
        let fields = schema.get_fields().iter();
        let fields = fields.filter(|field| is_wanted(field.name())).cloned();
        let projection = Type::group_type_builder(schema.name())
            .with_fields(fields.collect())
            .build()
            .map_err(broken)?;
        let rows = || RowIter::from_file_into(Box::new(reader)).project(Some(projection));
        let rows = caught(rows).map_err(|Damaged| anyhow!("cannot read {name}: it is damaged"))?;
        Ok(Rows(Some(rows.map_err(broken)?)))
    }
}

/// The crate has panicked on damaged files.
struct Damaged;

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Damaged> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Damaged)
}

/// Rows until the end, or until one cannot be read.
struct Rows(Option<RowIter<'static>>);

impl Iterator for Rows {
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.0.as_mut()?;
        let next = match caught(|| rows.next()) {
            Ok(next) => next?.map_err(|error| error.to_string()),
            Err(Damaged) => Err("the file is damaged here".to_owned()),
        };
        if next.is_err() {
            self.0 = None;
        }
        Some(next)
    }
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

/// A column that is wanted, and how it is compressed, if this build has no decoder for that.
fn unreadable_compression(
    metadata: &ParquetMetaData,
    is_wanted: impl Fn(&str) -> bool,
) -> Option<(String, Compression)> {
    let groups = metadata.row_groups().iter();
    let columns = groups.flat_map(|group| group.columns()).filter_map(|it| {
        let name = it.column_path().parts().first()?;
        is_wanted(name).then(|| (name.clone(), it.compression()))
    });
    let mut columns = columns;
    columns.find(|(_, compression)| {
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
