//! The page as a service. The host serves it; this service runs while it answers.

use super::reporter::{Ending, Reporter};
use super::{INFO, await_host, note, watch_host};
use crate::cli::ServiceKind;
use api::client::Remote;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Time limit of one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for the page, and watches it until the service is to end.
///
/// # Errors
/// If the page does not answer.
pub(super) fn run(data_dir: &Path, reporter: &Reporter, endings: &Receiver<Ending>) -> anyhow::Result<()> {
    let Some(page) = await_host(reporter, endings, || answer(data_dir))? else { return Ok(()) };
    reporter.running();
    note(data_dir, ServiceKind::Ui, INFO, &format!("the page answers at {page}"));
    watch_host(endings, || answer(data_dir), |_| Ok(()))?;
    Ok(())
}

/// Requests the health from the page's port; returns the page's address.
fn answer(data_dir: &Path) -> anyhow::Result<String> {
    let host = Remote::of(data_dir)?;
    let page = Remote::at(host.dashboard(), &api::auth::admin_token_path(data_dir), PATIENCE)?;
    page.get_any("/health")?;
    Ok(host.dashboard().to_owned())
}
