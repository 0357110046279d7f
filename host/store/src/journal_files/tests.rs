use super::*;
use journal::{Reader, Step};
use model::{InputKind, OrderId, SessionId, Time, VenueOrderId};
use std::io::Error;

/// A disk in memory that can be full.
#[derive(Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    full: Arc<std::sync::atomic::AtomicBool>,
}

impl Storage for Disk {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.full.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Error::other("no space left"));
        }
        self.bytes.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        std::thread::sleep(Duration::from_millis(2));
        Ok(())
    }
}

fn header() -> Header {
    Header {
        build: "test".into(),
        session: SessionId(7),
        segment: 1,
        account: "0xabc".into(),
        follows: None,
        config: [1; 32],
        sandbox: [2; 32],
        created: Time(3),
    }
}

fn tick(seq: u64) -> Input {
    testkit::input(seq, Time(seq), InputKind::Clock)
}

fn placement(order: u64) -> Placement {
    Placement { order: OrderId(order), salt: 1, timestamp_ms: 2, venue: VenueOrderId([3; 32]) }
}

fn records(bytes: &[u8]) -> Vec<Record> {
    let mut reader = Reader::new(bytes).unwrap();
    let mut records = Vec::new();
    while let Some(Step::Record(record)) = reader.step().unwrap() {
        records.push(record);
    }
    records
}

#[tokio::test]
async fn what_was_appended_is_read_back_and_one_sync_covers_many() {
    let dir = std::env::temp_dir().join(format!("polytrader-journal-{}", std::process::id()));
    let _gone = std::fs::remove_dir_all(&dir);
    let (journal, path) = Journal::create(&dir, &header(), Keep { days: 30, bytes: u64::MAX }).unwrap();
    let mut last = JournalOffset::default();
    for seq in 1..=500 {
        journal.input(&tick(seq)).unwrap();
        last = journal.placement(&placement(seq));
    }
    journal.synced(last).await.unwrap();
    let syncs = journal.syncs();
    assert!((1..250).contains(&syncs), "{syncs}");
    journal.close(Time(9));
    let records = records(&std::fs::read(&path).unwrap());
    assert_eq!(records.len(), 1_002);
    assert_eq!(records[0], Record::Header(header()));
    assert_eq!(records[1], Record::Input(tick(1)));
    assert_eq!(records[1_001], Record::End(Time(9)));
    assert!(
        Journal::create(&dir, &header(), Keep { days: 30, bytes: u64::MAX }).is_err(),
        "a journal is never overwritten"
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn a_full_disk_fails_waiting_callers_and_everything_after() {
    let disk = Disk::default();
    let journal = Journal::on(disk.clone(), &header()).unwrap();
    let place = journal.placement(&placement(1));
    journal.synced(place).await.unwrap();
    assert_eq!(journal.failure(), None);
    disk.full.store(true, std::sync::atomic::Ordering::Relaxed);
    let place = journal.placement(&placement(2));
    assert!(journal.synced(place).await.unwrap_err().contains("no space left"));
    assert!(journal.failure().is_some());
    let place = journal.placement(&placement(3));
    assert!(journal.synced(place).await.is_err());
    journal.close(Time(9));
    assert_eq!(records(&disk.bytes.lock()).len(), 2);
}

/// A disk that loses unsynced bytes at a power failure.
#[derive(Clone, Default)]
struct Volatile {
    written: Vec<u8>,
    kept: Arc<Mutex<Vec<u8>>>,
}

impl Storage for Volatile {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.written.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.kept.lock().append(&mut self.written);
        Ok(())
    }
}

#[tokio::test]
async fn what_was_waited_for_is_on_a_disk_that_loses_what_was_not_synced() {
    use model::input::Command;
    let mut disk = Volatile::default();
    disk.append(b"lost").unwrap();
    assert!(disk.kept.lock().is_empty(), "unsynced bytes are lost");
    disk.written.clear();
    let journal = Journal::on(disk.clone(), &header()).unwrap();
    let command = |seq, command| testkit::input(seq, Time(seq), InputKind::Command(command));
    let stop = command(1, Command::EmergencyStop { reason: String::new() });
    journal.input(&stop).unwrap();
    journal.synced(journal.mark()).await.unwrap();
    let kept = |disk: &Volatile| records(&disk.kept.lock());
    assert_eq!(kept(&disk), [Record::Header(header()), Record::Input(stop.clone())]);
    journal.input(&command(2, Command::Start)).unwrap();
    let restrict =
        Command::Restrict { scope: model::input::Scope::Session, restriction: model::input::Restriction::ReduceOnly };
    journal.input(&command(3, restrict)).unwrap();
    journal.synced(journal.mark()).await.unwrap();
    assert_eq!(kept(&disk).len(), 4);
    journal.close(Time(9));
}

#[test]
fn a_second_run_in_a_folder_is_refused() {
    let dir = std::env::temp_dir().join(format!("polytrader-lock-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let first = RunLock::of_folder(&dir).unwrap();
    let refused = RunLock::of_folder(&dir).unwrap_err().to_string();
    assert!(refused.contains("another run") && refused.contains(dir.to_str().unwrap()), "{refused}");
    drop(first);
    RunLock::of_folder(&dir).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn after_a_failure_cancels_are_written_to_the_reserve_and_not_before() {
    let dir = std::env::temp_dir().join(format!("polytrader-late-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let disk = Disk::default();
    let journal =
        Journal { late: Some(late_cancels::open(&dir).unwrap()), ..Journal::on(disk.clone(), &header()).unwrap() };
    journal.cancel(OrderId(1), Time(1));
    disk.full.store(true, std::sync::atomic::Ordering::Relaxed);
    journal.input(&tick(1)).unwrap();
    while journal.failure().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    journal.cancel(OrderId(2), Time(2));
    while late_cancels::left(&dir).unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let late = LateCancel { session: SessionId(7), order: OrderId(2), at: Time(2) };
    assert_eq!(late_cancels::left(&dir).unwrap(), [late]);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_pipe_in_the_place_of_any_file_of_the_data_folder_is_an_error_at_once() {
    use testkit::at_once;
    let dir = testkit::Scratch::new("pipes");
    let pipe = |name: &str| {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        testkit::named_pipe(&path);
        path
    };
    let (data, journal) = (dir.to_owned(), dir.join("journal"));
    pipe("lock");
    assert!(at_once({
        let data = data.clone();
        move || RunLock::of_folder(&data).is_err()
    }));
    pipe("journal/reserve");
    assert!(at_once({
        let dir = journal.clone();
        move || late_cancels::left(&dir).is_err()
    }));
    assert!(at_once({
        let dir = journal.clone();
        move || late_cancels::open(&dir).is_err()
    }));
    for name in ["journal/7-0001.journal", "journal/8-0001.journal.gz"] {
        let path = pipe(name);
        assert!(at_once(move || chunks::Pieces::open(&path, 10).is_err()), "{name}");
    }
    let snapshot = snapshot::path(&journal, SessionId(7));
    pipe(snapshot.strip_prefix(&data).unwrap().to_str().unwrap());
    assert!(at_once(move || snapshot::read(&journal, SessionId(7)).is_err()));
    let hash = [7; 32];
    let name = format!("modules/{}", model::hex::encode(&hash));
    pipe(&format!("{name}.wasm"));
    pipe(&format!("{name}.sessions"));
    assert!(at_once({
        let data = data.clone();
        move || crate::module_archive::get(&data, &hash).is_err()
    }));
    assert!(at_once({
        let data = data.clone();
        move || crate::module_archive::sync_module(&data, &hash).is_err()
    }));
    assert!(at_once({
        let data = data.clone();
        move || crate::module_archive::record_session(&data, &hash, 7).is_err()
    }));
    pipe("states/paper/0x1/one.state");
    let states = crate::strategy_state::SavedStates::new(&data, model::input::Mode::Paper, "0x1");
    assert_eq!(at_once(move || states.get("one")), None);
    let url = format!("sqlite:{}", pipe("polytrader.sqlite").display());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(at_once(move || runtime().block_on(crate::db::Db::open(&url)).is_err()));
}
