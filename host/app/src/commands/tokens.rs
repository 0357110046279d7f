//! `polytrader tokens` and `polytrader login`: who may use the API of a host.

use crate::cli::{CreateTokenArgs, HostedArgs, RevokeTokenArgs, TokensAction, TokensArgs};
use crate::console::say;
use anyhow::{Context, bail};
use api::auth::{admin_token_path, forget_admin_tokens};
use api::client::Remote;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::journal_files::RunLock;

/// How long a host may take to replace its token. It looks once a second.
const REPLACED_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs `polytrader tokens`.
///
/// # Errors
/// If there is no host, or it says no.
pub(crate) fn run(args: &TokensArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        TokensAction::Create(args) => create(args),
        TokensAction::List(args) => list(args),
        TokensAction::Revoke(args) => revoke(args),
        TokensAction::Replace(args) => replace(args),
    }
}

/// Runs `polytrader login`.
///
/// # Errors
/// If there is no host, or it says no.
pub(crate) fn login(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.data_dir)?;
    let said = remote.post("/v1/session/codes", &json!({}))?;
    let path = said.get("path").and_then(Value::as_str).context("the host's answer has no path")?;
    let link = format!("{}{path}", remote.dashboard());
    say(&if args.json { json!({ "login": link }).to_string() } else { link });
    Ok(ExitCode::SUCCESS)
}

fn create(args: &CreateTokenArgs) -> anyhow::Result<ExitCode> {
    let role = args.role.to_possible_value().map(|role| role.get_name().to_owned()).unwrap_or_default();
    let mut body = json!({ "name": args.name, "role": role, "reason": args.reason });
    if let (Some(lasts), Some(fields)) = (args.expires_in, body.as_object_mut()) {
        fields.insert("expires_in_s".to_owned(), lasts.as_secs().into());
    }
    let made = Remote::of(&args.host.data_dir)?.post("/v1/tokens", &body)?;
    if args.host.json {
        say(&made.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    // Alone on its line, so that it can be piped into a file.
    say(made.get("token").and_then(Value::as_str).context("the host's answer has no token")?);
    Ok(ExitCode::SUCCESS)
}

fn list(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let all = Remote::of(&args.data_dir)?.get("/v1/tokens")?;
    if args.json {
        say(&all.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for token in all.as_array().context("the host's answer is no list")? {
        say(&line(token));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(token: &Value) -> String {
    let text = |key: &str| token.get(key).and_then(Value::as_str).unwrap_or_default();
    let time = |key: &str| token.get(key).and_then(Value::as_u64).map(model::Time::from_millis);
    let made = time("created_at_ms").map(|at| at.iso()).unwrap_or_default();
    let ends = time("expires_at_ms").map_or_else(|| "does not expire".to_owned(), |at| format!("expires {}", at.iso()));
    let of_folder = token.get("of_folder").and_then(Value::as_bool).unwrap_or(false);
    let place = if of_folder { "  admin.token of a data folder" } else { "" };
    format!("{:24} {:7} made {made}  {ends}{place}", text("name"), text("role"))
}

fn revoke(args: &RevokeTokenArgs) -> anyhow::Result<ExitCode> {
    let RevokeTokenArgs { name, reason, host } = args;
    let said = Remote::of(&host.data_dir)?.delete(&format!("/v1/tokens/{name}"), &json!({ "reason": reason }))?;
    let durable = said.get("durable").and_then(Value::as_bool).unwrap_or(false);
    let note = if durable { "" } else { "; not stored yet: a restart before the database is back accepts it again" };
    say(&if host.json { said.to_string() } else { format!("{name} is revoked{note}") });
    Ok(ExitCode::SUCCESS)
}

fn replace(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let data_dir = &args.data_dir;
    let runs = is_running(data_dir)?;
    forget_admin_tokens(data_dir)?;
    let path = admin_token_path(data_dir);
    if !runs {
        return told(
            args,
            "at the next start",
            &format!("the next start writes {} and refuses the one before", path.display()),
        );
    }
    let started = Instant::now();
    while !path.exists() {
        if started.elapsed() > REPLACED_WITHIN {
            bail!(
                "the host did not write {} within {} s; its log says why. The token is replaced when it does, or at the next start",
                path.display(),
                REPLACED_WITHIN.as_secs()
            );
        }
        std::thread::sleep(LOOK_EVERY);
    }
    // That it opens the host is the proof that the host has replaced it.
    Remote::of(data_dir)?.get("/v1/session").context("trying the new token")?;
    told(args, "now", &format!("{} has another token; the one before opens nothing", path.display()))
}

fn told(args: &HostedArgs, when: &str, sentence: &str) -> anyhow::Result<ExitCode> {
    say(&if args.json { json!({ "replaced": when }).to_string() } else { sentence.to_owned() });
    Ok(ExitCode::SUCCESS)
}

/// Returns whether a host runs in this data folder, which must be one.
fn is_running(data_dir: &Path) -> anyhow::Result<bool> {
    anyhow::ensure!(data_dir.is_dir(), "there is no data folder {}", data_dir.display());
    // The lock goes with the value.
    Ok(RunLock::of_folder(data_dir).is_err())
}
