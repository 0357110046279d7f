//! `polytrader tokens` and `polytrader login`: manage access to a host's API.

use crate::cli::{CreateTokenArgs, HostedArgs, RevokeTokenArgs, TokensAction, TokensArgs};
use crate::console::println;
use anyhow::{Context, bail};
use api::auth::{admin_token_path, forget_admin_tokens};
use api::client::Remote;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::journal_files::RunLock;

/// Time limit for the host to replace its token. It checks once a second.
const REPLACED_WITHIN: Duration = Duration::from_secs(20);
/// Polling interval.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs `polytrader tokens`.
///
/// # Errors
/// If no host is running, or it rejects the request.
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
/// If no host is running, or it rejects the request.
pub(crate) fn login(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.data_dir)?;
    let answer = remote.post("/v1/session/codes", &json!({}))?;
    let path = answer.get("path").and_then(Value::as_str).context("expected `path` in the host's response")?;
    let link = format!("{}{path}", remote.dashboard());
    println(&if args.json { json!({ "login": link }).to_string() } else { link });
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
        println(&made.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    // The token is alone on its line, so that it can be piped into a file.
    println(made.get("token").and_then(Value::as_str).context("expected `token` in the host's response")?);
    Ok(ExitCode::SUCCESS)
}

fn list(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let all = Remote::of(&args.data_dir)?.get("/v1/tokens")?;
    if args.json {
        println(&all.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for token in all.as_array().context("expected a JSON list in the host's response")? {
        println(&line(token));
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
    format!("{:24} {:7} created {made}  {ends}{place}", text("name"), text("role"))
}

fn revoke(args: &RevokeTokenArgs) -> anyhow::Result<ExitCode> {
    let RevokeTokenArgs { name, reason, host } = args;
    let answer = Remote::of(&host.data_dir)?.delete(&format!("/v1/tokens/{name}"), &json!({ "reason": reason }))?;
    let durable = answer.get("durable").and_then(Value::as_bool).unwrap_or(false);
    let note =
        if durable { "" } else { "; not stored yet: a restart before the database recovers accepts the token again" };
    println(&if host.json { answer.to_string() } else { format!("{name} is revoked{note}") });
    Ok(ExitCode::SUCCESS)
}

fn replace(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let data_dir = &args.data_dir;
    let runs = is_running(data_dir)?;
    forget_admin_tokens(data_dir)?;
    let path = admin_token_path(data_dir);
    if !runs {
        return print_result(
            args,
            "at the next start",
            &format!("the next start writes {} and rejects the previous token", path.display()),
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
    // A successful login with it proves that the host has replaced the token.
    Remote::of(data_dir)?.get("/v1/session").context("trying the new token")?;
    print_result(args, "now", &format!("{} contains the new token; the previous one no longer works", path.display()))
}

fn print_result(args: &HostedArgs, when: &str, sentence: &str) -> anyhow::Result<ExitCode> {
    println(&if args.json { json!({ "replaced": when }).to_string() } else { sentence.to_owned() });
    Ok(ExitCode::SUCCESS)
}

/// Returns true if a host is running in this data directory, which must exist.
fn is_running(data_dir: &Path) -> anyhow::Result<bool> {
    anyhow::ensure!(data_dir.is_dir(), "data directory {} does not exist", data_dir.display());
    // The lock is released with the value.
    Ok(RunLock::of_folder(data_dir).is_err())
}
