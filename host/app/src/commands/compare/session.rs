//! `polytrader compare --session`: a session and its own recording. Three questions are asked apart: do the strategies
//! answer the same events in the same way, are the session's own orders filled in the same way, and does a backtest of
//! the recording, in which everything is decided again, come to the same orders?

use super::print;
use crate::cli::{CompareArgs, FillArg, SessionArg};
use crate::commands::backtest::progress;
use crate::commands::what_if::{load_archived, segments};
use crate::console::{eprintln, println};
use anyhow::{bail, ensure};
use research::backtest::{Job, Runner, Watch};
use research::compare::{Comparison, Verdict, compare};
use research::dataset;
use research::replay::replay;
use research::run::{FillModel, RunEnd};
use research::what_if::Session;
use std::process::ExitCode;
use std::sync::Arc;

/// Compares a session with its recording. The exit status is 1 if anything differs.
///
/// # Errors
/// If there is no such session, or it has no recording.
pub(super) fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    let wanted = match args.session {
        Some(SessionArg::Number(number)) => Some(number),
        _ => None,
    };
    let (id, files) = segments(&args.data_dir, wanted)?;
    let session = Session::read(&files, &args.data_dir)?;
    let tapes = session.tapes(&args.data_dir)?;
    ensure!(
        !tapes.is_empty(),
        "session {} has no recording in {}; expected one of `record.enabled`",
        id.0,
        args.data_dir.join("tapes").display()
    );
    if session.carried {
        eprintln("the session began with the positions of an earlier one, which a backtest does not have");
    }
    let fill = match args.fill {
        FillArg::Pessimistic => FillModel::Pessimistic,
        FillArg::Queue => FillModel::Queue,
        FillArg::Optimistic => FillModel::Optimistic,
    };
    let job = Job { fill, ..session.job.clone() };
    let answers = replay(id, &files, Some(args.data_dir.clone()))?;
    let filled = session.fill_again(&mut dataset::open(&tapes, None, None)?, &job)?;
    let own = compare(&session.data, &filled);
    let runner = Runner::of_own_program(Some(&args.data_dir))?;
    load_archived(&runner, &args.data_dir, &job, &[])?;
    let watch = Arc::new(Watch::default());
    progress::stop_on_signals(&watch)?;
    let decided = runner.run(&mut dataset::open(&tapes, None, None)?, &job, &watch)?;
    if let RunEnd::Failed(at, reason) = &decided.description.end {
        bail!("the backtest of the recording ended at {}: {reason}", at.iso());
    }
    let whole = compare(&session.data, &decided);
    let equal = answers.differences == 0 && answers.answers_differ == 0;
    if args.json {
        let line = serde_json::json!({
            "session": id.0,
            "tapes": tapes.iter().map(|tape| tape.display().to_string()).collect::<Vec<_>>(),
            "answers": answers,
            "own_orders": own,
            "backtest": whole,
            "totals": [session.data.description.totals, decided.description.totals],
        });
        println(&line.to_string());
    } else {
        println(&format!(
            "same events: {} of {} answers of the strategies and {} of {} decisions are the same",
            answers.answers.saturating_sub(answers.answers_differ),
            answers.answers,
            answers.decisions.saturating_sub(answers.differences),
            answers.decisions
        ));
        show("same orders, filled from the recording", &own, args.show);
        show("everything decided again on the recording", &whole, args.show);
    }
    let same = equal && own.differences.is_empty() && whole.differences.is_empty();
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(name: &str, found: &Comparison, most: usize) {
    let all = found.counts.values().copied().fold(0, u64::saturating_add);
    println(&format!("{name}: {} of {all} orders are the same", found.count(Verdict::Same)));
    if !found.differences.is_empty() {
        print(found, most);
    }
}
