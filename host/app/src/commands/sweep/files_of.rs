//! The files of a finished sweep: the report, the verdict, and the trials as Parquet.

use super::Prepared;
use anyhow::Context;
use research::sweep::{Outcome, Verdict, heat_map, table};
use store::private_file::replace;

/// Writes the files into the sweep's folder, each as a whole.
pub(super) fn write(prepared: &Prepared, outcome: &Outcome, verdict: &Verdict) -> anyhow::Result<()> {
    let Prepared { plan, id, folder, .. } = prepared;
    let mut text = serde_json::to_vec_pretty(verdict).context("writing the verdict as JSON")?;
    text.push(b'\n');
    let files = [
        ("trials.parquet", table::trials(plan, id, outcome)?),
        ("report.html", heat_map::page(plan, outcome, verdict).into_bytes()),
        ("verdict.json", text),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        replace(&path, &bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
