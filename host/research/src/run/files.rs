//! The files of a run: `run.json` and a Parquet file for each table.

use super::tables::{Definition, EQUITY, FILLS, MARKETS, ORDERS, TOPS};
use super::{RunData, RunDescription};
use crate::parquet_file::{self, Table};
use anyhow::{Context, ensure};
use files::Links;
use std::path::Path;
use store::private_file;

/// Version of the description and of the tables. A change of a column's name, type or meaning is a new version; a new
/// column is not.
pub const SCHEMA: u32 = 1;
/// File name of the description.
pub const DESCRIPTION: &str = "run.json";
/// Longest description that is read.
const DESCRIPTION_BYTES_MAX: u64 = 16 << 20;
/// Units, as in the metadata of each table.
const UNITS: &str =
    "*_us: microseconds since 1970 UTC; *_micros: millionths (of a dollar, of a share, of a dollar a share)";

/// Writes a run into a folder, which is created if necessary. Each file is replaced as a whole, and `run.json` is
/// written last, so that a folder with one is complete.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub fn save(data: &RunData, folder: &Path) -> anyhow::Result<()> {
    private_file::make_folder(folder).with_context(|| format!("creating {}", folder.display()))?;
    let description = &data.description;
    write_table(&MARKETS, &data.markets, description, folder)?;
    write_table(&ORDERS, &data.orders, description, folder)?;
    write_table(&FILLS, &data.fills, description, folder)?;
    write_table(&EQUITY, &data.equity, description, folder)?;
    write_table(&TOPS, &data.tops, description, folder)?;
    let path = folder.join(DESCRIPTION);
    let mut text = serde_json::to_vec_pretty(description).context("the description of a run")?;
    text.push(b'\n');
    private_file::replace(&path, &text).with_context(|| format!("writing {}", path.display()))
}

/// Reads a run that [`save`] wrote.
///
/// # Errors
/// If a file is missing, damaged, or of a later version; the message names it.
pub fn load(folder: &Path) -> anyhow::Result<RunData> {
    Ok(RunData {
        description: load_description(folder)?,
        markets: read_table(&MARKETS, folder)?,
        orders: read_table(&ORDERS, folder)?,
        fills: read_table(&FILLS, folder)?,
        equity: read_table(&EQUITY, folder)?,
        tops: read_table(&TOPS, folder)?,
    })
}

/// Reads the description of a run only.
///
/// # Errors
/// As [`load`].
pub fn load_description(folder: &Path) -> anyhow::Result<RunDescription> {
    let path = folder.join(DESCRIPTION);
    let bytes = files::read(&path, Links::Follow, DESCRIPTION_BYTES_MAX)
        .with_context(|| format!("reading {}: expected the folder of a run", path.display()))?;
    let description: RunDescription =
        serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?;
    let found = description.schema;
    ensure!(found <= SCHEMA, "{} has schema {found}, this program reads up to {SCHEMA}", path.display());
    Ok(description)
}

fn write_table<R>(
    table: &Definition<R>,
    rows: &[R],
    description: &RunDescription,
    folder: &Path,
) -> anyhow::Result<()> {
    let path = folder.join(table.name).with_extension("parquet");
    let hashes: Vec<&str> = description.tapes.iter().map(|tape| tape.hash.as_str()).collect();
    let metadata = [
        ("polytrader.schema", SCHEMA.to_string()),
        ("polytrader.run", description.id.clone()),
        ("polytrader.tapes", hashes.join(",")),
        ("polytrader.units", UNITS.to_owned()),
    ];
    let bytes = parquet_file::bytes(table.name, table.fields, rows, &metadata)?;
    private_file::replace(&path, &bytes).with_context(|| format!("writing {}", path.display()))
}

fn read_table<R>(table: &Definition<R>, folder: &Path) -> anyhow::Result<Vec<R>> {
    let path = folder.join(table.name).with_extension("parquet");
    let found = Table::open(&path)?;
    let schema = found.metadata.get("polytrader.schema").and_then(|text| text.parse::<u32>().ok());
    let schema = schema.with_context(|| format!("{} has no polytrader.schema in its metadata", path.display()))?;
    ensure!(schema <= SCHEMA, "{} has schema {schema}, this program reads up to {SCHEMA}", path.display());
    found.rows().map(table.read).collect()
}
