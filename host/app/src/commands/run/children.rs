//! The host as a child of the signer, and the environment of all child processes.

use crate::cli::CommonArgs;
use crate::console::eprintln;
use anyhow::Context;
use order::SigningKey;
use signer::{Config as SignerConfig, Notice};
use std::process::{Command, ExitCode};
use store::account_lock::{self, AccountLock};

/// Settings of the GNU allocator for a process of ours (mallopt(3)); other allocators ignore these variables. By
/// default it creates up to eight heaps per processor as threads are added, and memory that is idle in one heap is not
/// available to the others: this caused most of the growth of a host in its first hours. It also raises the size
/// threshold above which memory is returned to the system at once, so that a large temporary buffer leaves a hole.
const HEAPS: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "4"), ("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072")];

/// Returns a command that starts this program.
pub(super) fn this_program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.envs(HEAPS);
    Ok(command)
}

/// Starts the host and signs for it until it ends. The account is locked for this run in the meantime.
///
/// # Errors
/// If the host cannot be started or waited for.
pub(super) fn sign_for_host(
    common: &CommonArgs,
    key: SigningKey,
    signer: SignerConfig,
    venue: &super::Venue,
) -> anyhow::Result<ExitCode> {
    let account = signer.account.funder.to_string();
    let lock = AccountLock::name(&account, &key.derive("account lock"));
    let _account = AccountLock::acquire(&account, &lock)?;
    let mut command = this_program()?;
    command.env(account_lock::VARIABLE, lock);
    let places = ["--exchange", &venue.rest, "--channels", &venue.channels, "--catalog", &venue.catalog];
    let more = ["--records", &venue.records, "--relayer", &venue.relayer];
    command.arg("host").args(places).args(more).args(common.to_arguments());
    // A writer thread started before the signer confines itself would not be confined.
    crate::output::rest();
    let exit = signer::run(signer, key, command, print_notice)?;
    Ok(u8::try_from(exit.code()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Reports what the signer did or refused.
fn print_notice(notice: Notice) {
    match notice {
        Notice::Ready { .. } | Notice::HungUp => {}
        other => eprintln(&format!("signer: {other}")),
    }
}
