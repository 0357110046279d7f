//! `polytrader tokens` and `polytrader login`: who may use the API of a host.

use super::strategy::HostedArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// `polytrader tokens`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokensArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: TokensAction,
}

/// What can be done with tokens.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokensAction {
    /// Make a token of the running host, and print its only copy.
    Create(CreateTokenArgs),
    /// List the tokens that open the running host; not the tokens themselves.
    List(HostedArgs),
    /// Revoke a token of the running host at once: what it opened ends.
    Revoke(RevokeTokenArgs),
    /// Replace the token in DIR/admin.token, which is lost or leaked. Needs the data folder, no token. A host that runs there does it at
    /// once; otherwise the next start does, before anything is served. The one before opens nothing then.
    Replace(HostedArgs),
}

/// A token to be made.
#[derive(Debug, Clone, Args)]
pub(crate) struct CreateTokenArgs {
    /// Its name, which the audit gives for what is done with it: letters, digits, `-`, `_` and `.`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What it may do.
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
    /// It ends after this long, for instance 12h or 720h. Without it, it does not end.
    #[arg(long = "expires-in", value_name = "TIME", value_parser = super::duration)]
    pub(crate) expires_in: Option<Duration>,
    /// Why; it stands in the audit.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// What a token may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Reads, and stops everything in an emergency.
    Viewer,
    /// Starts, stops and cancels.
    Trader,
    /// Releases a halt, changes the configuration and makes tokens.
    Admin,
}

/// A token to be revoked.
#[derive(Debug, Clone, Args)]
pub(crate) struct RevokeTokenArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Why; it stands in the audit.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}
