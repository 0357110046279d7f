//! A sweep over a real NATS server with three workers in processes of their own: one is killed in the middle, and the
//! rows are those of a run on this machine. A job that always fails ends in the list of poisoned ones.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "test code may fail loudly"
)]

#[path = "queue/tls.rs"]
mod tls;

use model::{Limits, Size, Time, Usd};
use research::run::{FillModel, Totals};
use research::sweep::job::{HORIZONS, SCHEMA};
use research::sweep::{
    Evaluate, Execute, Files, GroupRow, Markout, Models, SweepJob, TrialEnd, TrialRow, threads::Threads,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testkit::Scratch;
use worker::{Address, QueueLead, Worker, work};

/// Variables of a worker's process: the queue's address and its folder.
const QUEUE: &str = "POLYTRADER_TEST_QUEUE";
const CACHE: &str = "POLYTRADER_TEST_CACHE";
/// The size of the job that fails always, and of the one whose row is larger than a message.
const POISON: i64 = 666;
const LARGE: i64 = 100;

/// Reads module and tape, and derives the row from them and the job alone.
struct Fixture {
    delay: Duration,
    log: Option<PathBuf>,
}

impl Evaluate for Fixture {
    fn evaluate(&self, job: &SweepJob, files: &Files) -> anyhow::Result<TrialRow> {
        let (module, tape) = (std::fs::read(&files.module)?, std::fs::read(&files.tapes[0])?);
        let size = job.parameters["size"].as_i64().unwrap();
        if let Some(log) = &self.log {
            use std::io::Write;
            let mut log = std::fs::OpenOptions::new().append(true).create(true).open(log)?;
            // One write a line: other threads append too.
            log.write_all(format!("{size}\n").as_bytes())?;
        }
        std::thread::sleep(self.delay);
        anyhow::ensure!(size != POISON, "the tape ends in the middle of a frame");
        let groups = if size == LARGE { 2_000 } else { 3 };
        let group = |number: i64| GroupRow {
            group: format!("{number:04}"),
            first: Time(1),
            last: Time(2),
            profit: Usd(size * number + tape.len() as i64),
            fees: Usd(module.len() as i64),
            turnover: Usd(1),
            fills: 1,
            markouts: [Markout { gain: Usd(1), shares: Size(1) }; HORIZONS.len()],
        };
        Ok(TrialRow {
            schema: SCHEMA,
            job: job.hash(),
            parameters: job.parameters.clone(),
            end: TrialEnd::Complete,
            totals: Totals::default(),
            figures: BTreeMap::new(),
            groups: (0..groups).map(group).collect(),
            digest: format!("{:x}", size * 7),
        })
    }
}

fn job(size: i64) -> SweepJob {
    let models = Models {
        fill: FillModel::Queue,
        feed_latency_us: 1,
        order_latency_us: 1,
        request_tier: model::RequestTier::Standard,
        fees: "recorded".to_owned(),
        cash: Usd::dollars(100),
        limits: Limits::DEFAULT,
        seed: 1,
        from: None,
        to: None,
    };
    let (strategy, module, tapes) = ("quoter".to_owned(), "ab".repeat(32), vec!["cd".repeat(32)]);
    SweepJob { schema: SCHEMA, strategy, module, tapes, parameters: [("size".to_owned(), size.into())].into(), models }
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The server, with the address of its port.
struct Server {
    url: String,
    _process: Process,
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.into_iter().map(|folder| folder.join("nats-server")).find(|program| program.is_file())
}

impl Server {
    fn start(folder: &Path) -> Option<Self> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "nats-server is missing");
            println!("NOT RUN: sweeps over NATS: nats-server is missing (Debian package nats-server)");
            return None;
        };
        let mut server = Command::new(program);
        server.args(["-a", "127.0.0.1", "-p", "-1", "-js", "-sd"]).arg(folder.join("store"));
        server.arg("--ports_file_dir").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process(server.spawn().unwrap());
        let ports = folder.join(format!("nats-server_{}.ports", process.0.id()));
        let begin = Instant::now();
        loop {
            let text = std::fs::read_to_string(&ports).unwrap_or_default();
            let url = serde_json::from_str::<serde_json::Value>(&text).ok();
            if let Some(url) = url.and_then(|ports| ports["nats"][0].as_str().map(str::to_owned)) {
                return Some(Self { url, _process: process });
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "the server did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn worker(&self, folder: &Path) -> Process {
        let mut worker = Command::new(std::env::current_exe().unwrap());
        worker.args(["--exact", "worker_process"]).env(QUEUE, &self.url).env(CACHE, folder).stdout(Stdio::null());
        Process(worker.spawn().unwrap())
    }
}

/// A worker's process; without the variables it is an empty test.
#[test]
fn worker_process() {
    let (Ok(url), Some(folder)) = (std::env::var(QUEUE), std::env::var_os(CACHE)) else { return };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let address = Address::parse(&url, None, None).unwrap();
    let log = Some(folder.join("log"));
    let worker = Worker { address, name: "test".to_owned(), jobs: 2, cache: folder.join("objects") };
    let fixture = Arc::new(Fixture { delay: Duration::from_millis(150), log });
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(work(&worker, fixture, stop)).unwrap();
}

fn execute(executor: &mut dyn Execute, jobs: &[SweepJob]) -> (BTreeMap<String, TrialRow>, anyhow::Result<()>) {
    let mut rows = BTreeMap::new();
    let ended = executor.execute(jobs, &mut |row| {
        assert!(rows.insert(row.job.clone(), row).is_none(), "a row came twice");
        Ok(())
    });
    (rows, ended)
}

fn log(folder: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    // A line without its end is not written completely.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn three_workers_give_the_rows_of_one_machine_although_one_is_killed() {
    let scratch = Scratch::new("queue");
    let Some(server) = Server::start(&scratch) else { return };
    let (module, tape) = (scratch.join("a.wasm"), scratch.join("day.tape"));
    std::fs::write(&module, b"module").unwrap();
    // Several chunks of an object.
    std::fs::write(&tape, vec![7; 700_000]).unwrap();
    let files = Files { module, tapes: vec![tape] };
    let jobs: Vec<SweepJob> = (80..=120).map(job).collect();
    let fixture = Fixture { delay: Duration::ZERO, log: None };
    let stop = AtomicBool::new(false);
    let (local, ended) = execute(&mut Threads::new(&fixture, &files, 2, &stop), &jobs);
    ended.unwrap();
    let folders = ["one", "two", "three"].map(|name| scratch.join(name));
    let mut workers: Vec<Process> = folders.iter().map(|folder| server.worker(folder)).collect();
    let victim = workers.remove(0);
    let first = folders[0].clone();
    // Killed while it has jobs in progress: it has logged a job less than 150 ms ago.
    let killer = std::thread::spawn(move || {
        let begin = Instant::now();
        while log(&first).len() < 4 {
            assert!(begin.elapsed() < Duration::from_secs(30), "the first worker got no jobs");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(victim);
    });
    let address = Address::parse(&server.url, None, None).unwrap();
    let flag = Arc::new(AtomicBool::new(false));
    let mut lead = QueueLead::connect(&address, &files, flag.clone()).unwrap();
    let (remote, ended) = execute(&mut lead, &jobs);
    ended.unwrap();
    killer.join().unwrap();
    assert_eq!(remote, local);
    let logs = folders.each_ref().map(|folder| log(folder));
    let runs: usize = logs.iter().map(Vec::len).sum();
    assert!(logs.iter().all(|log| !log.is_empty()), "{logs:?}");
    assert!(runs > jobs.len() && runs <= jobs.len() + 2, "the killed worker's jobs ran twice, no others: {logs:?}");
    // A second leader finds the results, and nothing runs.
    let mut second = QueueLead::connect(&address, &files, flag.clone()).unwrap();
    assert_eq!(execute(&mut second, &jobs).0, local);
    assert_eq!(folders.each_ref().map(|folder| log(folder).len()).iter().sum::<usize>(), runs);
    // A poisoned job does not keep the others, and is named.
    let (rows, ended) = execute(&mut lead, &[job(POISON), job(POISON + 1)]);
    assert_eq!(rows.into_keys().collect::<Vec<_>>(), [job(POISON + 1).hash()]);
    let said = ended.unwrap_err().to_string();
    assert!(said.starts_with("1 jobs failed in 3 deliveries and are in the stream SWEEP_POISONED: "), "{said}");
    assert!(said.contains("the tape ends in the middle of a frame, on test"), "{said}");
    assert_eq!(lead.poisoned(&[job(POISON)]).unwrap().len(), 1);
    let tries: usize = folders.iter().map(|folder| log(folder).iter().filter(|size| **size == POISON).count()).sum();
    assert_eq!(tries, 3);
    flag.store(true, Ordering::Relaxed);
    let (_, ended) = execute(&mut lead, &[job(POISON + 2), job(POISON + 3), job(POISON + 4), job(POISON + 5)]);
    assert!(ended.is_err_and(|error| error.to_string().starts_with("interrupted")));
}

/// Returns the number of times that the server handed out a job.
fn deliveries(url: &str) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
        let jobs = context.get_stream("SWEEP_JOBS").await.unwrap();
        let info = jobs.consumer_info("workers").await.unwrap();
        info.delivered.consumer_sequence
    })
}

#[test]
fn the_lanes_of_a_worker_fetch_an_object_once() {
    let scratch = Scratch::new("lanes");
    let Some(server) = Server::start(&scratch) else { return };
    let (module, tape) = (scratch.join("a.wasm"), scratch.join("day.tape"));
    std::fs::write(&module, b"module").unwrap();
    std::fs::write(&tape, vec![7; 4_000_000]).unwrap();
    let files = Files { module, tapes: vec![tape] };
    let address = Address::parse(&server.url, None, None).unwrap();
    let jobs: Vec<SweepJob> = (1..=8).map(job).collect();
    let folder = scratch.join("objects");
    std::fs::create_dir_all(&folder).unwrap();
    // What a killed worker left a moment ago may belong to one that runs.
    let part = folder.join(format!("{}.{}.0.part", "ab".repeat(32), std::process::id()));
    std::fs::write(&part, b"torn").unwrap();
    let worker = Worker { address: address.clone(), name: "lanes".to_owned(), jobs: 8, cache: folder.clone() };
    let log = scratch.join("log");
    let fixture = Arc::new(Fixture { delay: Duration::ZERO, log: Some(log) });
    let (keep, stop) = tokio::sync::watch::channel(false);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(work(&worker, fixture, stop)).unwrap();
    });
    let local = Fixture { delay: Duration::ZERO, log: None };
    let (expected, ended) = execute(&mut Threads::new(&local, &files, 2, &AtomicBool::new(false)), &jobs);
    ended.unwrap();
    let mut lead = QueueLead::connect(&address, &files, Arc::default()).unwrap();
    let (rows, ended) = execute(&mut lead, &jobs);
    ended.unwrap();
    assert_eq!(rows, expected);
    assert_eq!(deliveries(&server.url), 8, "no job failed because of another lane's file");
    keep.send(true).unwrap();
    thread.join().unwrap();
    let mut sizes: Vec<u64> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [4, 6, 4_000_000], "the two objects and the other worker's file");
}

#[test]
fn a_queue_that_is_not_there_is_named_without_its_login() {
    let address = Address::parse("nats://bob:secret@127.0.0.1:1", None, None).unwrap();
    let error = QueueLead::connect(&address, &Files::default(), Arc::default()).unwrap_err();
    let said = format!("{error:#}");
    assert!(
        said.starts_with("connecting to the queue at nats://***@127.0.0.1:1: ") && !said.contains("secret"),
        "{said}"
    );
}
