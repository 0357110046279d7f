//! Real processes: this test binary plays both the signer's process and the host's, as selected by a variable.

use model::{SessionId, Usd};
use order::{Account, Chain, SigningKey, recover};
use rustix::process::{Pid, Signal, kill_process};
use signer::{Client, Config, ConnectError, Damage, Exit, Limits, Notice, SigningLog, run};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use testkit::Scratch;

const ROLE: &str = "POLYTRADER_SIGNER_TEST_ROLE";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

fn config() -> Config {
    let limits = Limits {
        order_max: Usd::dollars(1),
        minute_max: Usd::dollars(1),
        day_max: Usd::dollars(1),
        orders_per_minute: 1,
        batches_per_minute: 0,
    };
    Config { account: Account::eoa(key().address(), Chain::Polygon), limits, record: None }
}

/// Returns a command that runs this binary in a role.
fn child(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::plays_a_role", "--nocapture"]).env(ROLE, role);
    command
}

fn run_noting(role: &str) -> (Exit, Vec<Notice>) {
    run_noting_as(config(), role)
}

fn run_noting_as(config: Config, role: &str) -> (Exit, Vec<Notice>) {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let exit = run(config, key(), child(role), {
        let notices = Arc::clone(&notices);
        move |notice| notices.lock().unwrap().push(notice)
    });
    let notices = notices.lock().unwrap().clone();
    (exit.unwrap(), notices)
}

/// Not a test by itself: the process that another test starts.
#[test]
fn plays_a_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let code = match role.as_str() {
        "host" => runtime.block_on(host()),
        "waiting host" => runtime.block_on(waiting_host()),
        "killed host" => {
            kill_process(rustix::process::getpid(), Signal::KILL).unwrap();
            0
        }
        "refused host" => runtime.block_on(refused_host()),
        "locked host" => runtime.block_on(locked_host()),
        "signer to lock" => run(config(), key(), child("locked host"), |notice| println!("{notice}")).unwrap().code(),
        "signer" => run(config(), key(), child("waiting host"), |_| ()).unwrap().code(),
        other => panic!("unknown role: {other}"),
    };
    std::process::exit(code);
}

async fn host() -> i32 {
    let client = Client::connect_inherited().await.unwrap();
    client.begin(SessionId(1)).await.unwrap();
    let at = crate::approvals::now().seconds();
    let signature = client.sign_auth(at, 0).await.unwrap();
    let digest = client.domains().auth_digest(client.account().signer, at, 0);
    let signed = recover(&digest, &signature) == Some(key().address());
    // Variables that cargo sets for tests are not passed on, and the standard input is now empty.
    let scrubbed = std::env::var_os("CARGO_MANIFEST_DIR").is_none() && std::env::var_os("PATH").is_some();
    let taken = matches!(Client::connect_inherited().await, Err(ConnectError::NotInherited));
    println!("signed: {signed}, scrubbed: {scrubbed}, taken: {taken}");
    if signed && scrubbed && taken { 7 } else { 1 }
}

/// Connects to a signer that is locked from the start, and tries to circumvent the lock.
async fn refused_host() -> i32 {
    let client = Client::connect_inherited().await.unwrap();
    client.begin(SessionId(1)).await.unwrap();
    let at = crate::approvals::now().seconds();
    let refused = client.sign_auth(at, 0).await.is_err() && client.unlock().await.is_err();
    if refused && client.sign_auth(at, 0).await.is_err() { 9 } else { 1 }
}

/// Locks its signer by a signal, and tries to circumvent the lock.
async fn locked_host() -> i32 {
    let client = Client::connect_inherited().await.unwrap();
    client.begin(SessionId(1)).await.unwrap();
    let at = crate::approvals::now().seconds();
    client.sign_auth(at, 0).await.unwrap();
    kill_process(rustix::process::getppid().unwrap(), Signal::USR1).unwrap();
    while client.sign_auth(at, 0).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    if client.unlock().await.is_err() && client.sign_auth(at, 0).await.is_err() { 9 } else { 1 }
}

async fn waiting_host() -> i32 {
    let client = Client::connect_inherited().await.unwrap();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    println!("waiting {}", std::process::id());
    tokio::select! {
        Some(()) = terminate.recv() => 3,
        () = client.gone() => {
            println!("gone");
            4
        }
    }
}

#[test]
fn the_host_gets_its_socket_and_its_exit_code_is_handed_on() {
    let (exit, notices) = run_noting("host");
    assert_eq!(exit, Exit::Code(7));
    assert_eq!(notices[0], Notice::Ready { address: key().address() });
    assert!(notices.contains(&Notice::Began { session: SessionId(1) }), "{notices:?}");
    assert!(notices.contains(&Notice::SignedLogin { nonce: 0 }), "{notices:?}");
    assert_eq!(notices.last(), Some(&Notice::HungUp));
}

#[test]
fn a_host_that_is_killed_ends_the_signer_too() {
    let (exit, _) = run_noting("killed host");
    assert_eq!((exit, exit.code()), (Exit::Signal(9), 137));
}

#[test]
fn the_signers_process_does_not_let_others_read_its_memory() {
    run_noting("host");
    assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
}

/// Starts a signer's process with a waiting host and returns it with its output, once the host is waiting.
fn waiting() -> (std::process::Child, BufReader<std::process::ChildStdout>) {
    let mut signer = child("signer").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(signer.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting ") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the host did not start");
    }
    (signer, output)
}

fn pid(child: &std::process::Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

#[test]
fn each_word_to_end_is_passed_on_to_the_host() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let (mut signer, _output) = waiting();
        kill_process(pid(&signer), signal).unwrap();
        // The host ends with 3 on SIGTERM, and the signer with the host's code.
        assert_eq!(signer.wait().unwrap().code(), Some(3), "{signal:?}");
    }
}

#[test]
fn a_signal_locks_the_signer_and_its_host_cannot_unlock_it() {
    let output = child("signer to lock").stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(9), "{printed}");
    assert!(printed.contains("locked by a signal") && !printed.contains("without a system call filter"), "{printed}");
}

#[test]
fn a_signer_whose_records_are_damaged_starts_locked_and_says_why() {
    let damage = Damage::Missing { path: "signer.count".into() };
    let (exit, notices) = run_noting_as(Config { record: Some(Err(damage.clone())), ..config() }, "refused host");
    assert_eq!(exit, Exit::Code(9));
    let damage_notice = Notice::Damaged { damage };
    assert!(notices.contains(&damage_notice), "{notices:?}");
    assert!(damage_notice.to_string().contains("signer.count is missing"), "{damage_notice}");
}

#[test]
fn a_signer_that_opens_no_files_any_more_still_counts_and_logs() {
    let dir = Scratch::new("signer-record");
    let config = config();
    let record = SigningLog::create(&dir, &key(), &config.limits, crate::approvals::now(), None).unwrap();
    let limits = config.limits;
    // In a separate thread, because the system call filter cannot be removed.
    let signer = std::thread::spawn(move || run_noting_as(Config { record: Some(Ok(record)), ..config }, "host"));
    assert_eq!(signer.join().unwrap().0, Exit::Code(7));
    assert!(SigningLog::open(&dir, &key(), &limits).is_ok());
    let log = std::fs::read_to_string(dir.join(format!("signer-{}.log.1", key().address()))).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains(" login 0 0 ")).count(), 1, "{log}");
}

#[test]
fn a_host_whose_signer_dies_notices() {
    let (mut signer, mut output) = waiting();
    kill_process(pid(&signer), Signal::KILL).unwrap();
    signer.wait().unwrap();
    // The host's output goes to the same pipe, which is closed when the host ends.
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut output, &mut rest).unwrap();
    assert!(rest.contains("gone"), "{rest}");
}
