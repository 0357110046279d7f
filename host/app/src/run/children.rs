//! The host as a child of the signer.

use crate::cli::{CommonArgs, complain};
use anyhow::Context;
use order::SigningKey;
use signer::{Config as SignerConfig, Notice};
use std::process::{Command, ExitCode};

/// Starts the host and signs for it until it ends.
///
/// # Errors
/// If the host cannot be started or watched.
pub(super) fn sign_for_host(
    common: &CommonArgs,
    key: SigningKey,
    signer: SignerConfig,
    venue: &super::Venue,
) -> anyhow::Result<ExitCode> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    let places = ["--exchange", &venue.rest, "--channels", &venue.channels, "--catalog", &venue.catalog];
    let more = ["--records", &venue.records, "--relayer", &venue.relayer];
    command.arg("host").args(places).args(more).args(common.to_arguments());
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
