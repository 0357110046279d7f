//! Parquet files of tables in memory: integers and text only, zstd 3, row groups of at most a million rows, metadata
//! with the schema's version, the units and the hash of the tape.

use anyhow::{Context, anyhow, bail};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, DataType};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Maximum number of rows of a row group.
pub const GROUP_ROWS_MAX: usize = 1_000_000;
/// Level of the zstd compression.
const ZSTD_LEVEL: i32 = 3;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An integer of 8 bits.
    I8,
    /// An integer of 32 bits.
    I32,
    /// An integer of 64 bits.
    I64,
    /// Microseconds since 1970, UTC.
    Time,
    /// UTF-8.
    Text,
    /// True or false.
    Bool,
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'r> {
    /// Any integer, or a time.
    Int(i64),
    /// Text.
    Text(&'r str),
    /// True or false.
    Bool(bool),
    /// No value.
    Null,
}

/// A column of a table: its name, its type, and its value in a row.
#[derive(Debug)]
pub struct Field<R: 'static> {
    /// Name of the column.
    pub name: &'static str,
    /// Type of the column.
    pub kind: Kind,
    /// True if values may be missing.
    pub optional: bool,
    /// Returns the value in a row.
    pub get: for<'r> fn(&'r R) -> Value<'r>,
}

/// Returns the schema of a table in Parquet's text form.
pub fn schema<R>(table: &str, fields: &[Field<R>]) -> String {
    let lines = fields.iter().map(|field| {
        let (physical, logical) = match field.kind {
            Kind::I8 => ("int32", " (INTEGER(8,true))"),
            Kind::I32 => ("int32", ""),
            Kind::I64 => ("int64", ""),
            Kind::Time => ("int64", " (TIMESTAMP(MICROS,true))"),
            Kind::Text => ("binary", " (STRING)"),
            Kind::Bool => ("boolean", ""),
        };
        let repetition = if field.optional { "optional" } else { "required" };
        format!("  {repetition} {physical} {}{logical};\n", field.name)
    });
    format!("message {table} {{\n{}}}\n", lines.collect::<String>())
}

/// Returns a table as the bytes of a Parquet file.
///
/// # Errors
/// If a value does not fit its column; the message names row and column.
pub fn bytes<R>(table: &str, fields: &[Field<R>], rows: &[R], metadata: &[(&str, String)]) -> anyhow::Result<Vec<u8>> {
    let schema = parse_message_type(&schema(table, fields)).context("the schema of a table")?;
    let pairs = metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS_MAX))
        .set_created_by("polytrader".to_owned())
        .set_key_value_metadata(Some(pairs.collect()))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    for group in rows.chunks(GROUP_ROWS_MAX) {
        let mut group_writer = writer.next_row_group()?;
        for field in fields {
            write_column(&mut group_writer, field, group).with_context(|| format!("table {table}"))?;
        }
        group_writer.close()?;
    }
    Ok(writer.into_inner()?)
}

fn write_column<R>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    field: &Field<R>,
    rows: &[R],
) -> anyhow::Result<()> {
    let mut column = group.next_column()?.with_context(|| format!("the schema has no column {}", field.name))?;
    let levels: Option<Vec<i16>> =
        field.optional.then(|| rows.iter().map(|row| i16::from(!matches!((field.get)(row), Value::Null))).collect());
    let levels = levels.as_deref();
    match column.untyped() {
        ColumnWriter::Int32ColumnWriter(writer) => {
            let values = values(field, rows, |value| match value {
                Value::Int(value) => i32::try_from(value).ok(),
                _ => None,
            })?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            let values = values(field, rows, |value| match value {
                Value::Int(value) => Some(value),
                _ => None,
            })?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::BoolColumnWriter(writer) => {
            let values = values(field, rows, |value| match value {
                Value::Bool(value) => Some(value),
                _ => None,
            })?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let values = values(field, rows, |value| match value {
                Value::Text(value) => Some(ByteArray::from(value)),
                _ => None,
            })?;
            writer.write_batch(&values, levels, None)?;
        }
        _ => bail!("column {} has a type that tables do not use", field.name),
    }
    Ok(column.close()?)
}

/// Returns the values that are there, in the order of the rows.
fn values<'r, R, T>(field: &Field<R>, rows: &'r [R], of: impl Fn(Value<'r>) -> Option<T>) -> anyhow::Result<Vec<T>> {
    let mut values = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let value = (field.get)(row);
        if field.optional && value == Value::Null {
            continue;
        }
        let converted = of(value);
        let refused = || format!("row {number}, column {}: {value:?} does not fit {:?}", field.name, field.kind);
        values.push(converted.with_context(refused)?);
    }
    Ok(values)
}

/// The values of a column, one for each row.
#[derive(Debug)]
enum Column {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bool(Vec<Option<bool>>),
}

/// A table that was read from a Parquet file.
#[derive(Debug)]
pub struct Table {
    name: String,
    rows: usize,
    columns: BTreeMap<String, Column>,
    /// Key-value metadata of the file.
    pub metadata: BTreeMap<String, String>,
}

/// A row of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'t> {
    table: &'t Table,
    number: usize,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be opened, or is damaged; the message names the file.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let named = || format!("reading {}", path.display());
        let file = files::open(path, files::Links::Follow).with_context(named)?;
        // The reader is not specified to be free of panics for damaged files.
        let read = catch_unwind(AssertUnwindSafe(|| Self::of(path, SerializedFileReader::new(file)?)));
        read.unwrap_or_else(|_panic| Err(anyhow!("the file is damaged"))).with_context(named)
    }

    fn of(path: &Path, reader: impl FileReader) -> anyhow::Result<Self> {
        let about = reader.metadata().file_metadata();
        let pairs = about.key_value_metadata().into_iter().flatten();
        let metadata = pairs.map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default())).collect();
        let names: Vec<String> = about.schema_descr().columns().iter().map(|column| column.name().to_owned()).collect();
        let rows = usize::try_from(about.num_rows()).context("the number of rows is negative")?;
        let mut columns = BTreeMap::new();
        for (index, name) in names.into_iter().enumerate() {
            let column = read_column(&reader, index).with_context(|| format!("column {name}"))?;
            let length = match &column {
                Column::Int(values) => values.len(),
                Column::Text(values) => values.len(),
                Column::Bool(values) => values.len(),
            };
            anyhow::ensure!(length == rows, "column {name} has {length} values, expected {rows}");
            columns.insert(name, column);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, rows, columns, metadata })
    }

    /// Returns the rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows).map(|number| Row { table: self, number })
    }
}

fn read_column(reader: &impl FileReader, index: usize) -> anyhow::Result<Column> {
    let groups = reader.num_row_groups();
    let mut column = None;
    for group in 0..groups {
        let group = reader.get_row_group(group)?;
        match group.get_column_reader(index)? {
            ColumnReader::Int32ColumnReader(mut reader) => append(&mut column, &mut reader, i64::from)?,
            ColumnReader::Int64ColumnReader(mut reader) => append(&mut column, &mut reader, |value| value)?,
            ColumnReader::BoolColumnReader(mut reader) => append_bool(&mut column, &mut reader)?,
            ColumnReader::ByteArrayColumnReader(mut reader) => append_text(&mut column, &mut reader)?,
            _ => bail!("it has a type that tables do not use"),
        }
    }
    Ok(column.unwrap_or(Column::Int(Vec::new())))
}

/// Reads all values of a column chunk; `None` where one is missing.
fn read_all<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> anyhow::Result<Vec<Option<T::T>>> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (_, _, count) = reader.read_records(usize::MAX, Some(&mut levels), None, &mut values)?;
    if levels.is_empty() {
        return Ok(values.into_iter().map(Some).collect());
    }
    anyhow::ensure!(levels.len() == count, "the levels do not match the values");
    let mut values = values.into_iter();
    levels
        .into_iter()
        .map(|level| if level > 0 { values.next().map(Some).context("a value is missing") } else { Ok(None) })
        .collect()
}

fn append<T: DataType>(
    column: &mut Option<Column>,
    reader: &mut ColumnReaderImpl<T>,
    of: impl Fn(T::T) -> i64,
) -> anyhow::Result<()> {
    let values = read_all(reader)?.into_iter().map(|value| value.map(&of));
    match column.get_or_insert(Column::Int(Vec::new())) {
        Column::Int(all) => all.extend(values),
        Column::Text(_) | Column::Bool(_) => bail!("its type changes"),
    }
    Ok(())
}

fn append_bool<T: DataType<T = bool>>(
    column: &mut Option<Column>,
    reader: &mut ColumnReaderImpl<T>,
) -> anyhow::Result<()> {
    match column.get_or_insert(Column::Bool(Vec::new())) {
        Column::Bool(all) => all.extend(read_all(reader)?),
        Column::Text(_) | Column::Int(_) => bail!("its type changes"),
    }
    Ok(())
}

fn append_text<T: DataType<T = ByteArray>>(
    column: &mut Option<Column>,
    reader: &mut ColumnReaderImpl<T>,
) -> anyhow::Result<()> {
    let Column::Text(all) = column.get_or_insert(Column::Text(Vec::new())) else { bail!("its type changes") };
    for value in read_all(reader)? {
        all.push(value.map(|bytes| bytes.as_utf8().map(str::to_owned)).transpose().context("it is not UTF-8")?);
    }
    Ok(())
}

impl<'t> Row<'t> {
    /// Returns an integer, if there is one.
    ///
    /// # Errors
    /// If the table lacks the column, or its type differs.
    pub fn maybe_int(self, name: &str) -> anyhow::Result<Option<i64>> {
        match self.column(name)? {
            Column::Int(values) => Ok(values.get(self.number).copied().flatten()),
            // A table without rows has no types.
            Column::Text(_) | Column::Bool(_) => Err(self.refused(name, "an integer")),
        }
    }

    /// Returns an integer of any width.
    ///
    /// # Errors
    /// As [`Self::maybe_int`], and if the value is missing or does not fit.
    pub fn int<T: TryFrom<i64>>(self, name: &str) -> anyhow::Result<T> {
        let value = self.maybe_int(name)?.ok_or_else(|| self.refused(name, "a value"))?;
        T::try_from(value).ok().ok_or_else(|| self.refused(name, &format!("a value in its range, got {value}")))
    }

    /// Returns text.
    ///
    /// # Errors
    /// If the table lacks the column, its type differs or the value is missing.
    pub fn text(self, name: &str) -> anyhow::Result<&'t str> {
        match self.column(name)? {
            Column::Text(values) => values.get(self.number).and_then(Option::as_deref),
            Column::Int(_) | Column::Bool(_) => None,
        }
        .ok_or_else(|| self.refused(name, "text"))
    }

    /// Returns true or false.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn bool(self, name: &str) -> anyhow::Result<bool> {
        match self.column(name)? {
            Column::Bool(values) => values.get(self.number).copied().flatten(),
            Column::Int(_) | Column::Text(_) => None,
        }
        .ok_or_else(|| self.refused(name, "true or false"))
    }

    /// Returns an error that names file, row and column.
    pub fn refused(self, name: &str, expected: &str) -> anyhow::Error {
        anyhow!("{}, row {}, column {name}: expected {expected}", self.table.name, self.number)
    }

    fn column(self, name: &str) -> anyhow::Result<&'t Column> {
        self.table.columns.get(name).with_context(|| format!("{} has no column {name}", self.table.name))
    }
}
