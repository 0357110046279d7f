//! `polytrader tape`: inspects, checks, cuts, merges and imports tapes.

use crate::cli::{ExportTapeArgs, ImportTapeArgs, MergeTapeArgs, SliceTapeArgs, TapeAction, TapeArgs, TapeFileArgs};
use crate::console::println;
use model::Time;
use research::import::{Format, ImportOptions, import};
use research::inspect;
use serde_json::json;
use std::process::ExitCode;
use tape::{Summary, Tape, merge, slice};

/// Runs `polytrader tape`.
///
/// # Errors
/// If a file cannot be read or written, or is not of the expected format.
pub(crate) fn run(args: &TapeArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        TapeAction::Info(args) => info(args),
        TapeAction::Check(args) => check(args),
        TapeAction::Slice(args) => cut(args),
        TapeAction::Merge(args) => join(args),
        TapeAction::Export(args) => export(args),
        TapeAction::Import(args) => bring(args),
    }
}

fn info(args: &TapeFileArgs) -> anyhow::Result<ExitCode> {
    let info = inspect::info(&args.tape)?;
    println(&if args.json { serde_json::to_string(&info)? } else { info.to_string() });
    Ok(ExitCode::SUCCESS)
}

fn check(args: &TapeFileArgs) -> anyhow::Result<ExitCode> {
    let check = inspect::check(&args.tape)?;
    println(&if args.json { serde_json::to_string(&check)? } else { check.to_string() });
    Ok(if check.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cut(args: &SliceTapeArgs) -> anyhow::Result<ExitCode> {
    let tape = Tape::open(&args.tape)?;
    let (from, to) = (args.from.unwrap_or_default(), args.to.unwrap_or(Time(u64::MAX)));
    anyhow::ensure!(from < to, "--from {} and --to {}, expected a later end", from.iso(), to.iso());
    print(&args.out, &slice(&tape, from.0, to.0, &args.out)?, args.json);
    Ok(ExitCode::SUCCESS)
}

fn join(args: &MergeTapeArgs) -> anyhow::Result<ExitCode> {
    let tapes = args.tapes.iter().map(|path| Tape::open(path)).collect::<Result<Vec<_>, _>>()?;
    print(&args.out, &merge(&tapes, &args.out)?, args.json);
    Ok(ExitCode::SUCCESS)
}

fn export(args: &ExportTapeArgs) -> anyhow::Result<ExitCode> {
    let exported = research::export::export(&mut Tape::open(&args.tape)?, &args.out)?;
    let research::export::Exported { deltas, trades, markets, left_out, unread } = exported;
    println(&if args.json {
        serde_json::to_string(&exported)?
    } else {
        format!(
            "{}: {deltas} deltas, {trades} trades, {markets} markets; {left_out} records have no table, {unread} could not be read",
            args.out.display()
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn print(out: &std::path::Path, Summary { identity, records, bytes }: &Summary, is_json: bool) {
    println(&if is_json {
        json!({"tape": out.display().to_string(), "records": records, "bytes": bytes, "identity": identity.to_string()})
            .to_string()
    } else {
        format!("{}: {records} records, {bytes} bytes, identity {identity}", out.display())
    });
}

fn bring(args: &ImportTapeArgs) -> anyhow::Result<ExitCode> {
    let options = ImportOptions {
        format: Format::parse(&args.format)?,
        infer_trades: args.infer_trades,
        metadata: args.metadata.clone(),
        invent_books: args.invent_books,
        seed: args.seed,
        utc_offset_s: args.utc_offset.saturating_mul(3_600),
        licence: args.licence.clone(),
        selection: args.selection.clone(),
        program: store::build_id::build_name(),
    };
    let report = import(&args.files, &args.out, &options)?;
    if args.json {
        let Summary { identity, records, bytes } = &report.summary;
        let identity = identity.to_string();
        let tape = args.out.display().to_string();
        let whole = json!({
            "tape": tape, "identity": identity, "records": records, "bytes": bytes, "invented": report.invented, "files": report.files,
        });
        println(&whole.to_string());
    } else {
        println(&report.to_string());
    }
    Ok(ExitCode::SUCCESS)
}
