//! Arguments of `polytrader tokens` and `polytrader login`.

use super::strategy::HostedArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// `polytrader tokens`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokensArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: TokensAction,
}

/// Actions of `polytrader tokens`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokensAction {
    /// Create a token on the running host, and print it. It is not shown again.
    Create(CreateTokenArgs),
    /// List the tokens of the running host by name, without their secrets.
    List(HostedArgs),
    /// Revoke a token of the running host. Its sessions and streams end at once.
    Revoke(RevokeTokenArgs),
    /// Replace the token in DIR/admin.token after it was lost or leaked.
    ///
    /// Needs access to the data directory, but no token. A host running there replaces the token at once; otherwise the
    /// next start replaces it before anything is served. The previous token stops working then.
    Replace(HostedArgs),
}

/// A token to create.
#[derive(Debug, Clone, Args)]
pub(crate) struct CreateTokenArgs {
    /// The token's name, recorded in the audit log for its actions: letters, digits, `-`, `_` and `.`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The role of the token.
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
    /// The token's lifetime, for example 12h or 720h. Default: it does not expire.
    #[arg(long = "expires-in", value_name = "TIME", value_parser = super::duration)]
    pub(crate) expires_in: Option<Duration>,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// Role of a token. Each role includes the rights of the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Reads everything but the audit and the tokens, and may trigger an emergency stop.
    Viewer,
    /// Starts, stops, cancels, closes and restricts, and enables or disables strategies.
    Trader,
    /// Releases a halt, changes the configuration, arms versions, reads the audit and manages tokens.
    Admin,
}

/// A token to revoke.
#[derive(Debug, Clone, Args)]
pub(crate) struct RevokeTokenArgs {
    /// The token's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}
