//! Old versions of a strategy, which are deleted when they are not needed any more.

use crate::process::{Api, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// Returns the same module with an additional section without effect: another version.
fn variant(module: &[u8], mark: u8) -> Vec<u8> {
    [module, &[0, 3, 1, b'v', mark]].concat()
}

/// Returns the hashes of the archived modules.
fn kept(data: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(data.join("modules")).unwrap().map(|entry| entry.unwrap().path());
    let modules = files.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    modules.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Installs a version and returns its hash once it is running.
#[track_caller]
fn run_version(api: &Api, file: &Path, bytes: &[u8], before: &str) -> String {
    std::fs::write(file, bytes).unwrap();
    let running = |all: &Value| {
        let one = all.as_array().unwrap().first()?;
        (one["state"] == "running" && one["hash"] != before).then(|| one["hash"].as_str().unwrap().to_owned())
    };
    running(&api.wait_for("/v1/strategies", SOON, |all| running(all).is_some())).unwrap()
}

#[test]
fn old_versions_stay_as_long_as_a_journal_names_them_and_the_last_ones_longer() {
    let Some(built) = strategies("old versions of a strategy") else { return };
    let folder = Folder::new("versions");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    let file = dropped.join("template.wasm");
    let module = std::fs::read(built.join("template.wasm")).unwrap();
    let more = ["--seed", "8", "--set", "reload.keep_versions=2"];
    let mut run = Run::start(&folder.0, &dropped, &more);
    let api = Api::new(&folder.0, &run.addresses());
    let mut hashes = vec![String::new()];
    for mark in 1..=4 {
        let hash = run_version(&api, &file, &variant(&module, mark), hashes.last().unwrap());
        hashes.push(hash);
    }
    hashes.remove(0);
    let versions = api.get("/v1/strategies/template/versions");
    assert_eq!(versions.as_array().unwrap().len(), 2, "{versions}");
    // Longer than pruning waits after the start.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(kept(&folder.0), hashes.iter().cloned().collect(), "the session's journal names all of them");
    run.signal(Signal::INT);
    run.finish();

    // Without that journal, only the last two versions are kept.
    std::fs::remove_dir_all(folder.0.join("journal")).unwrap();
    let mut run = Run::start(&folder.0, &dropped, &more);
    let api = Api::new(&folder.0, &run.addresses());
    let is_left = |wanted: &[String]| {
        let (wanted, started) = (wanted.iter().cloned().collect::<BTreeSet<_>>(), Instant::now());
        while kept(&folder.0) != wanted {
            assert!(started.elapsed() < SOON, "{:?} instead of {wanted:?}", kept(&folder.0));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    is_left(&hashes[2..]);
    // A swap makes the version that did not run in this session the third last.
    let fifth = run_version(&api, &file, &variant(&module, 5), hashes.last().unwrap());
    hashes.push(fifth);
    is_left(&hashes[3..]);
    let (status, why) = api.refused("/v1/strategies/template/rollback", &serde_json::json!({ "hash": hashes[2] }));
    assert!(status == 409 && why.contains("none of its versions is"), "{status}: {why}");
    assert_eq!(
        api.post_json("/v1/strategies/template/rollback", &serde_json::json!({ "hash": hashes[3] })),
        Value::Null
    );
    run.signal(Signal::INT);
    run.finish();
    let log = std::fs::read_to_string(folder.0.join("stderr.log")).unwrap();
    assert!(log.contains("old versions of strategies removed"), "{log}");
}
