//! The host as a child of the signer, and what all our children are started with.

use crate::cli::CommonArgs;
use crate::console::complain;
use anyhow::Context;
use order::SigningKey;
use signer::{Config as SignerConfig, Notice};
use std::process::{Command, ExitCode};
use store::account_lock::{self, AccountLock};

/// How the GNU allocator keeps memory for a process of ours (mallopt(3)); others do not know these variables. It would make eight heaps for
/// each processor, one after another as threads come to it, and what lies idle in each of them is lost to the others: most of what a host
/// seemed to grow by in its first hours was that. And it would raise the size from which memory goes back to the system at once, so that a
/// large buffer that was needed for a moment leaves a hole.
const HEAPS: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "4"), ("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072")];

/// Returns a command that starts this program.
pub(super) fn this_program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.envs(HEAPS);
    Ok(command)
}

/// Starts the host and signs for it until it ends. The account is this run's alone until then.
///
/// # Errors
/// If the host cannot be started or watched.
pub(super) fn sign_for_host(
    common: &CommonArgs,
    key: SigningKey,
    signer: SignerConfig,
    venue: &super::Venue,
) -> anyhow::Result<ExitCode> {
    let account = signer.account.funder.to_string();
    let lock = AccountLock::name(&account, &key.derive("account lock"));
    let _account = AccountLock::take(&account, &lock)?;
    let mut command = this_program()?;
    command.env(account_lock::VARIABLE, lock);
    let places = ["--exchange", &venue.rest, "--channels", &venue.channels, "--catalog", &venue.catalog];
    let more = ["--records", &venue.records, "--relayer", &venue.relayer];
    command.arg("host").args(places).args(more).args(common.to_arguments());
    // A thread that wrote before the signer confines itself would not be confined.
    crate::output::rest();
    let exit = signer::run(signer, key, command, tell)?;
    Ok(u8::try_from(exit.code()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Tells people what the signer did or refused.
fn tell(notice: Notice) {
    match notice {
        Notice::Ready { .. } | Notice::HungUp => {}
        other => complain(&format!("signer: {other}")),
    }
}
