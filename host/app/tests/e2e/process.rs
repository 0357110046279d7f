//! Starts `polytrader`, calls its API, and reads its outcome.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Number of times that a request is sent which the host could not store in time.
const STORES_TRIED: usize = 10;
/// File names for the outputs of a run, in its folder.
const OUTPUT: &str = "stdout.log";
const ERRORS: &str = "stderr.log";
/// Time limit for a run to end, from the start of the wait; the longest run takes 30 s and may take 30 s to shut down.
const END_WITHIN: Duration = Duration::from_secs(100);

/// A folder for one test, removed when the test passes.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("polytrader-e2e-{}-{name}", std::process::id()));
        let _gone = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }
}

/// Returns the folder of built strategies; if there is none, prints that the test cannot run, and fails in CI.
pub(crate) fn strategies(test: &str) -> Option<PathBuf> {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/strategies");
    let dir = std::env::var_os("POLYTRADER_STRATEGIES").map_or_else(|| PathBuf::from(built), PathBuf::from);
    if dir.join("quoter.wasm").is_file() {
        return Some(dir);
    }
    not_run(test, "the strategies built (cargo xtask strategies)");
    None
}

/// Prints that a test did not run; fails in CI, where all requirements must be met.
pub(crate) fn not_run(test: &str, needs: &str) {
    eprintln!("NOT RUN: {test} needs {needs}");
    assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: {test} needs {needs}");
}

/// Returns a command that runs the program under test.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_polytrader"))
}

/// A `polytrader exchange` process that outlives the hosts that trade on it.
pub(crate) struct Exchange {
    child: Child,
    pub(crate) address: String,
}

impl Exchange {
    pub(crate) fn start(dir: &Path, seed: u64) -> Self {
        Self::start_with(dir, &["--seed", &seed.to_string()])
    }

    pub(crate) fn pid(&self) -> i64 {
        self.child.id().into()
    }

    pub(crate) fn start_with(dir: &Path, more: &[&str]) -> Self {
        fs::create_dir_all(dir).unwrap();
        let mut command = program();
        command.args(["exchange", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir).args(more);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut exchange = Self { child, address: String::new() };
        let started = Instant::now();
        loop {
            let state = fs::read_to_string(dir.join("exchange.json")).ok();
            if let Some(state) = state.and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
                state["address"].as_str().unwrap().clone_into(&mut exchange.address);
                return exchange;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "the exchange did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Kills the host process behind these addresses, and waits until the system has released its files and locks.
pub(crate) fn kill(addresses: &Value) {
    signal(addresses, Signal::KILL);
    let stat = format!("/proc/{}/stat", addresses["pid"]);
    let started = Instant::now();
    // Until its parent reaps it, the process is a zombie, which holds no files or locks.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(started.elapsed() < Duration::from_secs(10), "a killed process did not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Stops the host process with SIGSTOP.
pub(crate) fn hang(addresses: &Value) {
    signal(addresses, Signal::STOP);
}

fn signal(addresses: &Value, signal: Signal) {
    let pid = i32::try_from(addresses["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Returns the number of modules in a folder.
pub(crate) fn modules(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")).count()
}

/// Starts a demo in its own process group with these outputs, and waits for its addresses.
pub(crate) fn demo_with_outputs(
    data: &Path,
    strategies: &Path,
    exchange: &str,
    (stdout, stderr): (Stdio, Stdio),
) -> (Child, Value) {
    fs::create_dir_all(data).unwrap();
    let mut command = program();
    command.args(["run", "--mode", "demo", "--json", "--api-port", "0", "--dashboard-port", "0"]);
    command.args(["--exchange", exchange]).arg("--data-dir").arg(data).arg("--strategies").arg(strategies);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
    let child = command.spawn().unwrap();
    let started = Instant::now();
    loop {
        let text = fs::read_to_string(data.join("run.json")).unwrap_or_default();
        match serde_json::from_str(&text) {
            Ok(addresses) => return (child, addresses),
            Err(_) => assert!(started.elapsed() < Duration::from_secs(60), "no run.json within a minute"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A `polytrader run` in progress.
pub(crate) struct Run {
    child: Option<Child>,
    dir: PathBuf,
}

impl Run {
    /// Starts a demo on free ports with its own data directory.
    pub(crate) fn start(dir: &Path, strategies: &Path, more: &[&str]) -> Self {
        Self::start_as("demo", dir, strategies, more)
    }

    /// Starts a run in any mode.
    pub(crate) fn start_as(mode: &str, dir: &Path, strategies: &Path, more: &[&str]) -> Self {
        Self::start_in(&[], mode, dir, strategies, more)
    }

    /// Starts a run in any mode, with additional environment variables.
    pub(crate) fn start_in(
        environment: &[(&str, &str)],
        mode: &str,
        dir: &Path,
        strategies: &Path,
        more: &[&str],
    ) -> Self {
        // A killed run leaves its addresses behind.
        let _gone = fs::remove_file(dir.join("run.json"));
        let mut command = program();
        command.envs(environment.iter().copied());
        command.args(["run", "--mode", mode, "--json", "--api-port", "0", "--dashboard-port", "0"]);
        command.arg("--data-dir").arg(dir).arg("--strategies").arg(strategies).args(more);
        Self::of(command, dir)
    }

    /// Starts a command that runs with this data directory.
    pub(crate) fn of(mut command: Command, dir: &Path) -> Self {
        // Files instead of pipes, because the output is read only at the end.
        let output = |name| Stdio::from(fs::File::create(dir.join(name)).unwrap());
        command.stdin(Stdio::null()).stdout(output(OUTPUT)).stderr(output(ERRORS));
        Self { child: Some(command.spawn().unwrap()), dir: dir.to_owned() }
    }

    /// Waits for `run.json`.
    pub(crate) fn addresses(&mut self) -> Value {
        let started = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(self.dir.join("run.json"))
                && let Ok(value) = serde_json::from_str(&text)
            {
                return value;
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("the run ended ({status}): {}", self.read(ERRORS));
            }
            assert!(started.elapsed() < Duration::from_secs(60), "no run.json within a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the process id of the parent, which is the signer.
    pub(crate) fn pid(&self) -> i64 {
        i64::from(self.child.as_ref().unwrap().id())
    }

    /// Sends a signal to the parent process.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for the end and returns the JSON object in the last line of output.
    pub(crate) fn finish(mut self) -> Value {
        let mut child = self.child.take().unwrap();
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > END_WITHIN {
                self.child = Some(child);
                panic!("the run did not end within {} s: {}", END_WITHIN.as_secs(), self.read(ERRORS));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let errors = self.read(ERRORS);
        assert!(status.success(), "the run failed ({status}): {errors}");
        let text = self.read(OUTPUT);
        let last = text.lines().last().unwrap_or_else(|| panic!("no output; errors: {errors}"));
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in the last line `{last}`"))
    }

    /// Waits for the end of a run whose host was killed: its exit status must not report success.
    pub(crate) fn fail(mut self) {
        let status = self.child.take().unwrap().wait().unwrap();
        assert!(!status.success(), "a run with a killed host reported success: {status}");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let id = i32::try_from(child.id()).unwrap();
            let _sent = kill_process(Pid::from_raw(id).unwrap(), Signal::TERM);
            let _ended = child.wait();
        }
    }
}

/// Client of the API with the administrator's token.
pub(crate) struct Api {
    base: String,
    token: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Api {
    pub(crate) fn new(dir: &Path, addresses: &Value) -> Self {
        Self::with_token(addresses, fs::read_to_string(dir.join("admin.token")).unwrap().trim())
    }

    /// Returns a client with a different token.
    pub(crate) fn with_token(addresses: &Value, token: &str) -> Self {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let base = addresses["api"].as_str().unwrap().to_owned();
        let token = token.to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { base, token, client: reqwest::Client::new(), runtime }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.send(self.client.get(format!("{}{path}", self.base)))
    }

    pub(crate) fn post(&self, path: &str) -> Value {
        self.send(self.client.post(format!("{}{path}", self.base)))
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Value {
        self.send(self.client.post(format!("{}{path}", self.base)).json(body))
    }

    /// Sends a request, waits at most a second, and ignores the result.
    pub(crate) fn poke(&self, path: &str) {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let _late = self.runtime.block_on(async { request.timeout(Duration::from_secs(1)).send().await });
    }

    /// Sends a PUT request, and returns the status and the response.
    pub(crate) fn put(&self, path: &str, body: Vec<u8>) -> (u16, Value) {
        self.request(self.client.put(format!("{}{path}", self.base)).body(body))
    }

    /// Sends a PUT request that must succeed, as [`Api::post`] does.
    pub(crate) fn put_stored(&self, path: &str, body: &Value) -> Value {
        self.send(self.client.put(format!("{}{path}", self.base)).body(body.to_string()))
    }

    /// Sends a request that is rejected; returns the status and the reason.
    pub(crate) fn refused(&self, path: &str, body: &Value) -> (u16, String) {
        let (status, answer) = self.request(self.client.post(format!("{}{path}", self.base)).json(body));
        (status, answer["detail"].as_str().map_or_else(|| answer.to_string(), str::to_owned))
    }

    /// Sends a DELETE request, and returns the status and the response.
    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        self.request(self.client.delete(format!("{}{path}", self.base)))
    }

    /// Sends a request and returns only the status.
    pub(crate) fn status(&self, path: &str) -> u16 {
        self.request(self.client.get(format!("{}{path}", self.base))).0
    }

    /// Sends a request that must succeed. One that a slow disk did not let the host store is sent again, as an operator
    /// would.
    fn send(&self, request: reqwest::RequestBuilder) -> Value {
        let mut next = Some(request);
        let (mut status, mut answer) = (0, Value::Null);
        for _ in 0..STORES_TRIED {
            let Some(request) = next.take() else { break };
            next = request.try_clone();
            (status, answer) = self.request(request);
            let changed_nothing = answer["detail"].as_str().is_some_and(|text| text.contains("nothing has changed"));
            if status != 503 || !changed_nothing {
                break;
            }
        }
        assert!((200..300).contains(&status), "{status}: {answer}");
        answer
    }

    fn request(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        self.runtime.block_on(async {
            let response = request.bearer_auth(&self.token).send().await.unwrap();
            let status = response.status().as_u16();
            (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
        })
    }

    /// Arms the waiting strategies in live mode, by the hash that is shown, once there are `count` of them.
    #[track_caller]
    pub(crate) fn arm(&self, count: usize) {
        let settled = |rows: &Value| {
            let rows = rows.as_array().unwrap();
            rows.len() == count
                && rows.iter().all(|row| ["unarmed", "running"].contains(&row["state"].as_str().unwrap()))
        };
        let rows = self.wait_for("/v1/strategies", Duration::from_secs(120), settled);
        for row in rows.as_array().unwrap().iter().filter(|row| row["state"] == "unarmed") {
            self.post_json(
                &format!("/v1/strategies/{}/arm", row["name"].as_str().unwrap()),
                &json!({"hash": row["hash"]}),
            );
        }
    }

    /// Polls until `enough` returns true, at most `patience`. A host that is not healthy yet responds with 503, and is
    /// polled again.
    #[track_caller]
    pub(crate) fn wait_for(&self, path: &str, patience: Duration, enough: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let (status, value) = self.request(self.client.get(format!("{}{path}", self.base)));
            assert!((200..300).contains(&status) || status == 503, "{status}: {value}");
            if status != 503 && enough(&value) {
                return value;
            }
            assert!(started.elapsed() < patience, "{path} is still {value}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
