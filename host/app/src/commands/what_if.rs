//! `polytrader what-if`: a session's market data again, with another version, other parameters or other limits.

use crate::cli::WhatIfArgs;
use crate::commands::backtest::{job, progress};
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use config::Mode;
use model::SessionId;
use research::backtest::{Job, Runner, Watch};
use research::compare::compare;
use research::events::EventSource;
use research::run::RunEnd;
use research::what_if::Session;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use store::journal_files::{folder, segments_of};

/// Runs `polytrader what-if`.
///
/// # Errors
/// If there is no such session, or the arguments are refused.
pub(crate) fn run(args: &WhatIfArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    let runner = Runner::of_own_program(Some(&args.data_dir))?;
    let (_, segments) = segments(&args.data_dir, args.session)?;
    let session = Session::read(&segments, &args.data_dir)?;
    let mut again = session.job.clone();
    for (path, place) in args.strategy.iter().zip(0usize..) {
        let given = job::strategy(&runner, path, args.parameters.get(place))?;
        let known = again.strategies.iter_mut().find(|strategy| strategy.name == given.name);
        let known = known.with_context(|| format!("no strategy of the session is named {}", given.name))?;
        *known = given;
    }
    ensure!(
        args.parameters.len() <= args.strategy.len(),
        "{} files of parameters for {} strategies; expected one for each at most",
        args.parameters.len(),
        args.strategy.len()
    );
    if args.config.is_some() || !args.set.is_empty() {
        again.limits = job::limits(mode_of(session.mode), args.config.clone(), &args.set)?;
    }
    load_archived(&runner, &args.data_dir, &again, &args.strategy)?;
    let watch = Arc::new(Watch::default());
    progress::stop_on_signals(&watch)?;
    // The journal has the orders of a session on a venue in the depth; they are taken out of its recording.
    let tapes = if session.mode == model::input::Mode::Paper { Vec::new() } else { session.tapes(&args.data_dir)? };
    let mut source: Box<dyn EventSource> = if tapes.is_empty() {
        if session.mode != model::input::Mode::Paper {
            eprintln("the session has no recording: its own orders are part of the depth that they are filled from");
        }
        Box::new(session.source()?)
    } else {
        Box::new(research::dataset::open(&tapes, None, None)?)
    };
    let data = runner.run(source.as_mut(), &again, &watch)?;
    if let RunEnd::Failed(at, reason) = &data.description.end {
        bail!("at {}: {reason}", at.iso());
    }
    let found = compare(&session.data, &data);
    if args.json {
        let (before, after) = (session.data.description.totals, data.description.totals);
        println(&serde_json::json!({ "session": before, "what_if": after, "comparison": found }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for (name, totals) in [("session", &session.data.description.totals), ("what-if", &data.description.totals)] {
        let (profit, orders, fills) = (totals.profit_at_bid, totals.orders, totals.fills);
        println(&format!("{name}: profit at bid {profit}, fees {}, {orders} orders, {fills} fills", totals.fees));
    }
    super::compare::print(&found, args.show);
    Ok(ExitCode::SUCCESS)
}

/// Returns the mode whose profile the limits start from.
const fn mode_of(mode: model::input::Mode) -> Mode {
    match mode {
        model::input::Mode::Demo => Mode::Demo,
        model::input::Mode::Live => Mode::Live,
        _ => Mode::Paper,
    }
}

/// Loads the modules of a session, which are archived by their hash, but those of other files.
///
/// # Errors
/// If a module is not archived.
pub(super) fn load_archived(runner: &Runner, data_dir: &Path, job: &Job, other: &[PathBuf]) -> anyhow::Result<()> {
    for strategy in &job.strategies {
        if let Some(hash) = model::hex::decode_array::<32>(&strategy.module.hash)
            && !other.contains(&strategy.module.path)
        {
            runner.load(&store::module_archive::get(data_dir, &hash)?)?;
        }
    }
    Ok(())
}

/// Returns the requested session or the newest, with its journal.
///
/// # Errors
/// If there is no such session.
pub(super) fn segments(data_dir: &Path, wanted: Option<u64>) -> anyhow::Result<(SessionId, Vec<PathBuf>)> {
    let dir = folder(data_dir);
    let sessions = segments_of(&dir).with_context(|| format!("reading {}", dir.display()))?;
    let known = sessions.len();
    let found = sessions.into_iter().find(|(session, _)| wanted.is_none_or(|wanted| wanted == session.0));
    found.with_context(|| match wanted {
        Some(session) => format!("session {session} is not among the {known} sessions in {}", dir.display()),
        None => format!("no journal in {}", dir.display()),
    })
}
