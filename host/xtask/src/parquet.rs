//! Opens the Parquet files of a run with the readers that people use: pyarrow, DuckDB and pandas.

use crate::conformance::python_packages;
use crate::gate::Checked;
use crate::repo::Repo;
use crate::tally::Tally;
use crate::{command, system};
use anyhow::ensure;

/// Runs host/research/tests/parquet/check.py on the run that the host's tests have written.
pub(crate) fn check(repo: &Repo) -> anyhow::Result<Checked> {
    let folder = repo.root.join("host/research/tests/parquet");
    if let Err(missing) = system::ensure_python() {
        return Ok(Checked::not_run(&missing));
    }
    let python = match python_packages(repo, &folder.join("requirements.txt"), "parquet-python") {
        Ok(python) => python,
        Err(missing) => return Ok(Checked::not_run(&missing)),
    };
    let run = repo.target.join("parquet-check");
    ensure!(run.join("expected.json").is_file(), "{} has no run: the tests of the host write it", run.display());
    let mut suite = command::new(python, &folder);
    suite.arg("check.py").env("RUN", &run);
    let mut tally = Tally::default();
    command::run_watched(&mut suite, "the check of Parquet files", |line| tally.see_unittest(line))?;
    tally.checked()
}
