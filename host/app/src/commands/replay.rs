//! `polytrader replay`: replays a session's journal, and prints the differences.

use crate::cli::ReplayArgs;
use crate::console::{eprintln, println};
use anyhow::{Context, bail};
use model::SessionId;
use research::replay::replay;
use std::path::PathBuf;
use std::process::ExitCode;
use store::journal_files::{folder, segments_of};

/// Runs `polytrader replay`. The exit status is 1 if a decision of the same build differs.
///
/// # Errors
/// If there is no matching journal, or if it is damaged.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    let (session, files) = find(args)?;
    let outcome = replay(session, &files, args.wasm.then(|| args.data_dir.clone()))?;
    if args.json {
        println(&serde_json::to_string(&outcome)?);
    } else {
        println(&format!(
            "session {}: {} inputs, {} with decisions, {} differences, {} inputs/s",
            outcome.session, outcome.inputs, outcome.decisions, outcome.differences, outcome.inputs_per_second
        ));
        if args.wasm {
            println(&format!("{} strategy answers, {} differences", outcome.answers, outcome.answers_differ));
        }
        outcome.differ_at.iter().for_each(|seq| println(&format!("input {seq} was decided differently")));
    }
    let same_build = outcome.build == store::build_id::build_name();
    let differences = outcome.differences.saturating_add(outcome.answers_differ);
    if differences > 0 && !same_build {
        eprintln(&format!(
            "the journal was written by {}, this is {}: differences are expected",
            outcome.build,
            store::build_id::build_name()
        ));
    }
    Ok(if differences > 0 && (same_build || args.strict) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns the requested session, or the newest.
fn find(args: &ReplayArgs) -> anyhow::Result<(SessionId, Vec<PathBuf>)> {
    let dir = folder(&args.data_dir);
    let sessions = segments_of(&dir).with_context(|| format!("reading {}", dir.display()))?;
    let known = sessions.len();
    let mut wanted = sessions.into_iter().filter(|(session, _)| args.session.is_none_or(|wanted| wanted == session.0));
    match (wanted.next(), args.session) {
        (Some(found), _) => Ok(found),
        (None, Some(session)) => bail!("session {session} is not among the {known} sessions in {}", dir.display()),
        (None, None) => bail!("no journal in {}", dir.display()),
    }
}
