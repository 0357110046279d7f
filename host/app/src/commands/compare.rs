//! `polytrader compare`: the differences of two runs, order by order.

mod session;

use crate::cli::CompareArgs;
use crate::console::println;
use research::compare::{Comparison, Verdict, compare};
use research::run::load;
use std::process::ExitCode;

/// Runs `polytrader compare`. The exit status is 1 if the runs differ.
///
/// # Errors
/// If one of the folders is not that of a run.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (Some(first), Some(second)) = (&args.first, &args.second) else { return session::run(args) };
    let found = compare(&load(first)?, &load(second)?);
    if args.json {
        println(&serde_json::to_string(&found)?);
    } else {
        print(&found, args.show);
    }
    Ok(if found.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) fn print(found: &Comparison, show: usize) {
    let count = |verdict| found.count(verdict);
    println(&format!(
        "{} orders are the same, {} differ in size or price, {} in time; {} are missing, {} are extra",
        count(Verdict::Same),
        count(Verdict::Size),
        count(Verdict::Time),
        count(Verdict::Missing),
        count(Verdict::Extra)
    ));
    for difference in found.differences.iter().take(show) {
        let verdict = format!("{:?}", difference.verdict).to_lowercase();
        let [one, two] = difference.filled;
        let (at, order, cause) = (difference.at.iso(), &difference.order, &difference.cause);
        println(&format!("{at} {verdict:>7} {order}, filled {one} and {two}: {cause}"));
    }
    let left = found.differences.len().saturating_sub(show);
    if left > 0 {
        println(&format!("{left} more with --show"));
    }
}
