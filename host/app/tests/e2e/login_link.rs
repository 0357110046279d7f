//! The login link, which grants admin rights: shown on a terminal only, in no file, not in live mode, and spent by a
//! POST request.

use crate::live::{keys, passphrase};
use crate::process::{Exchange, Folder, not_run};
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A key of its own, because two runs cannot use the same account.
const KEY: &str = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const LINK: &str = "(this link logs in once)";
const HINT: &str = "(`polytrader login` prints a link that logs in)";

/// A `polytrader run` on a pseudo-terminal, which `script` provides and records.
struct OnTerminal {
    script: Option<Child>,
    screen: PathBuf,
    data: PathBuf,
}

impl OnTerminal {
    /// Starts a run; `outputs` redirects its standard streams as in a shell.
    fn start(data: &Path, arguments: &str, outputs: &str) -> Self {
        let (dropped, screen) = (data.join("dropped"), data.with_extension("screen"));
        fs::create_dir_all(&dropped).unwrap();
        let _gone = fs::remove_file(data.join("run.json"));
        let line = format!(
            "exec {} run {arguments} --api-port 0 --dashboard-port 0 --data-dir {} --strategies {} {outputs}",
            env!("CARGO_BIN_EXE_polytrader"),
            data.display(),
            dropped.display()
        );
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--return", "--command", &line]).arg(&screen);
        // With every message of every crate: none has the link.
        command.env("RUST_LOG", "trace").env_remove("POLYMARKET_PRIVATE_KEY").current_dir(data);
        // The keyboard stays open: its end would close the terminal.
        let script = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { script: Some(script), screen, data: data.to_owned() }
    }

    /// Waits until the run has announced its page, on the terminal or in the redirected file.
    fn addresses(&self, place: &Path) -> Value {
        let started = Instant::now();
        loop {
            let shown = fs::read(place).unwrap_or_default();
            let run = fs::read(self.data.join("run.json")).unwrap_or_default();
            if String::from_utf8_lossy(&shown).contains("dashboard: http")
                && let Ok(addresses) = serde_json::from_slice(&run)
            {
                return addresses;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "no page: {}", String::from_utf8_lossy(&shown));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the run and returns what the terminal showed.
    fn finish(mut self) -> String {
        let run: Value = serde_json::from_slice(&fs::read(self.data.join("run.json")).unwrap()).unwrap();
        let signer = i32::try_from(run["signer"].as_i64().unwrap()).unwrap();
        kill_process(Pid::from_raw(signer).unwrap(), Signal::INT).unwrap();
        let status = self.script.take().unwrap().wait().unwrap();
        let shown = String::from_utf8_lossy(&fs::read(&self.screen).unwrap()).into_owned();
        assert!(status.success(), "{status}: {shown}");
        shown
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        if let Some(script) = &mut self.script {
            let _killed = script.kill();
            let _ended = script.wait();
        }
    }
}

/// Returns the line of a text that announces the page.
#[track_caller]
fn announced(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("dashboard: http"));
    line.unwrap_or_else(|| panic!("no page in {text}")).trim().to_owned()
}

/// Returns the code of a login link.
#[track_caller]
fn code(line: &str) -> String {
    let code = line.split("code=").nth(1).unwrap_or_else(|| panic!("no code in {line}"));
    code.chars().take_while(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_')).collect()
}

/// Checks that no file below a folder has the text, and returns the number of files.
fn in_no_file(folder: &Path, text: &str) -> u32 {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += in_no_file(&path, text);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{} contains `{text}`", path.display());
            count += 1;
        }
    }
    count
}

/// Opens the link as a browser does: loading its page does not log in, its button logs in once.
fn spend(dashboard: &str, code: &str) {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let origin = dashboard.trim_end_matches('/');
    runtime.block_on(async {
        for _ in 0..2 {
            let page = client.get(format!("{origin}/login?code={code}")).send().await.unwrap();
            assert!(page.status() == StatusCode::OK && page.headers().get("set-cookie").is_none(), "{page:?}");
        }
        let press =
            || client.post(format!("{origin}/login")).header("origin", origin).body(format!("code={code}")).send();
        let first = press().await.unwrap();
        assert!(first.status().is_redirection() && first.headers().contains_key("set-cookie"), "{first:?}");
        let second = press().await.unwrap();
        assert!(second.status() == StatusCode::UNAUTHORIZED, "{second:?}");
    });
}

fn has_script(test: &str) -> bool {
    let found = Command::new("script").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        not_run(test, "`script` of util-linux, which gives a program a terminal");
    }
    found
}

#[test]
fn a_login_link_is_shown_on_a_terminal_spent_by_a_post_and_in_no_file() {
    if !has_script("the login link on a terminal") {
        return;
    }
    let folder = Folder::new("login-link");
    let exchange = Exchange::start(&folder.0.join("exchange"), 81);
    for mode in ["demo", "paper"] {
        let data = folder.0.join(mode);
        let run = OnTerminal::start(&data, &format!("--mode {mode} --exchange {}", exchange.address), "");
        let addresses = run.addresses(&folder.0.join(mode).with_extension("screen"));
        let line = announced(&fs::read_to_string(&run.screen).unwrap());
        assert!(line.contains(LINK), "{line}");
        let code = code(&line);
        assert!(code.len() >= 20, "{line}");
        spend(addresses["dashboard"].as_str().unwrap(), &code);
        let shown = run.finish();
        assert_eq!(shown.matches(&code).count(), 1, "{shown}");
        assert!(in_no_file(&data, &code) > 5);
        assert!(announced(&fs::read_to_string(data.join("logs/worker_stderr.log")).unwrap()).ends_with(HINT));
    }
}

#[test]
fn a_login_link_is_not_written_to_a_file_or_a_pipe() {
    if !has_script("no login link in a file") {
        return;
    }
    let folder = Folder::new("login-file");
    let exchange = Exchange::start(&folder.0.join("exchange"), 82);
    for (name, outputs) in [("file", "2> ERRORS"), ("pipe", "2>&1 | cat > ERRORS")] {
        let (data, errors) = (folder.0.join(name), folder.0.join(format!("{name}.errors")));
        let outputs = outputs.replace("ERRORS", &errors.display().to_string());
        let run = OnTerminal::start(&data, &format!("--mode demo --exchange {}", exchange.address), &outputs);
        run.addresses(&errors);
        let shown = run.finish();
        assert!(!shown.contains("code="), "{shown}");
        assert!(announced(&fs::read_to_string(&errors).unwrap()).ends_with(HINT));
        in_no_file(&data, "login?code=");
        assert!(!fs::read_to_string(&errors).unwrap().contains("code="));
    }
}

#[test]
fn live_mode_shows_no_login_link_even_on_a_terminal() {
    if !has_script("no login link in live mode") {
        return;
    }
    let folder = Folder::new("login-live");
    let exchange = Exchange::start(&folder.0.join("exchange"), 83);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    let arguments = format!("--mode live --exchange {} --passphrase-file {}", exchange.address, secret.display());
    let run = OnTerminal::start(&data, &arguments, "");
    run.addresses(&folder.0.join("host.screen"));
    let shown = run.finish();
    assert!(announced(&shown).ends_with(HINT) && !shown.contains("code="), "{shown}");
    in_no_file(&data, "login?code=");
}
