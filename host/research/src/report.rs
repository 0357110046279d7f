//! The report of a run: one HTML file without any access to a network, and a JSON file beside it.
#![allow(clippy::float_arithmetic, reason = "figures for people and charts; money stays in integers")]

mod charts;
mod export;
mod html;
mod page;
mod sections;
#[cfg(test)]
mod tests;
mod thin;

pub use export::{TRADES, write_trades};

use crate::run::{RunData, RunDescription};
use crate::statistics::{Statistics, statistics};
use anyhow::Context;
use serde::Serialize;
use std::path::{Path, PathBuf};
use store::private_file;

/// File name of the page.
pub const PAGE: &str = "report.html";
/// File name of the figures.
pub const FIGURES: &str = "report.json";

/// The content of `report.json`.
#[derive(Debug, Serialize)]
struct Figures<'r> {
    /// The run.
    run: &'r RunDescription,
    /// Its statistics.
    statistics: &'r Statistics,
    /// The run that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared<'r>>,
}

#[derive(Debug, Serialize)]
struct Compared<'r> {
    run: &'r RunDescription,
    statistics: &'r Statistics,
}

/// Writes the report of a run into a folder, and returns the path of the page.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub fn write(data: &RunData, compare: Option<&RunData>, folder: &Path) -> anyhow::Result<PathBuf> {
    private_file::make_folder(folder).with_context(|| format!("creating {}", folder.display()))?;
    let own = statistics(data);
    let other = compare.map(|other| (other, statistics(other)));
    let put = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        private_file::replace(&path, content).with_context(|| format!("writing {}", path.display())).map(|()| path)
    };
    put(FIGURES, &json(data, &own, other.as_ref())?)?;
    put(PAGE, page::page(data, &own, other.as_ref().map(|(other, statistics)| (*other, statistics)))?.as_bytes())
}

fn json(data: &RunData, own: &Statistics, other: Option<&(&RunData, Statistics)>) -> anyhow::Result<Vec<u8>> {
    let compared = other.map(|(run, statistics)| Compared { run: &run.description, statistics });
    let mut text = serde_json::to_vec_pretty(&Figures { run: &data.description, statistics: own, compared })?;
    text.push(b'\n');
    Ok(text)
}
