//! Files of several sessions: complete, truncated and damaged.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

use super::*;
use ::journal::encode;
use model::event::Reason;
use model::input::{Mode, PlaceOutcome, SessionStart, Settlement, StrategyAnswer, StrategyChange, TradeUpdate};
use model::{
    InputKind, Intent, IntentKind, Level, Limits, MarketEvent, MarketEventKind, MarketIx, OrderId, OrderKind,
    OrderState, Price, SessionId, Side, Size, StrategyId, Time, TokenIx, TradeId, Usd, VenueOrderId,
};
use sha2::Digest;
use testkit::{input, market};

const ACCOUNT: &str = "0xabc";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("polytrader-past-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn header(session: u64, follows: Option<u64>) -> Header {
    Header {
        build: "test".into(),
        session: SessionId(session),
        segment: 1,
        account: ACCOUNT.into(),
        follows: follows.map(SessionId),
        config: [1; 32],
        sandbox: [2; 32],
        created: Time(3),
    }
}

/// A session that bought 10 at 0.40 and has one order pending, with or without a placement record.
fn bodies(session: u64) -> Vec<InputKind> {
    let price = |micros| Price::from_micros(micros).unwrap();
    let level = |micros| vec![Level { price: price(micros), size: Size::shares(100) }];
    let kind = MarketEventKind::Book { bids: level(400_000), asks: level(420_000) };
    let wanted = |micros| {
        let (token, side, price, size) = (TokenIx(0), Side::Buy, price(micros), Size::shares(10));
        let kind = IntentKind::Place { token, side, price, size, kind: OrderKind::Gtc { post_only: true } };
        Intent { tag: 1, reason: Reason::new(), fair: None, kind }
    };
    let (strategy, instance) = (StrategyId(1), 1);
    let intents = vec![wanted(400_000), wanted(390_000)];
    vec![
        InputKind::Session(SessionStart {
            session: SessionId(session),
            mode: Mode::Demo,
            cash: Usd::dollars(1_000),
            day_start: None,
            limits: Limits::DEFAULT,
            salt_seed: 1,
            halted: false,
        }),
        InputKind::Market(market(1)),
        InputKind::Strategy(StrategyChange::Loaded {
            strategy,
            name: "s".into(),
            hash: [0; 32],
            instance,
            markets: vec![MarketIx(0)],
            places: Vec::new(),
            wants: model::Wants::FIRST,
            since: Time(1),
            parameters: String::new(),
        }),
        InputKind::Event(MarketEvent { token: TokenIx(0), venue_time: Time(1), kind }),
        InputKind::Command(model::input::Command::Start),
        InputKind::Intents(StrategyAnswer::to_one(strategy, intents)),
        InputKind::Placed { order: OrderId(1), outcome: PlaceOutcome::Live },
        InputKind::Trade(TradeUpdate {
            trade: TradeId([5; 16]),
            part: 0,
            order: OrderId(1),
            settlement: Settlement::Confirmed,
            maker_price: price(400_000),
            size: Size::shares(10),
            maker: true,
            crossed: false,
        }),
    ]
}

/// The bytes of a session, with a placement record of each order in `left`.
fn bytes(header: &Header, bodies: Vec<InputKind>, left: &[u64]) -> Vec<u8> {
    let mut bytes = super::super::beginning(header).unwrap();
    for order in left {
        let venue = VenueOrderId([u8::try_from(*order).unwrap(); 32]);
        let placement = ::journal::Placement { order: OrderId(*order), salt: 0, timestamp_ms: 0, venue };
        encode(&Record::Placement(placement), &mut bytes).unwrap();
    }
    for (seq, body) in (1u64..).zip(bodies) {
        encode(&Record::Input(input(seq, Time(1_000_000 + seq), body)), &mut bytes).unwrap();
    }
    bytes
}

fn write(dir: &Path, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder(dir)).unwrap();
    std::fs::write(folder(dir).join(name), bytes).unwrap();
}

#[test]
fn the_last_session_of_an_account_comes_back() {
    let dir = Folder::new("back");
    assert!(last_of(&dir.0, ACCOUNT).unwrap().is_none());
    write(&dir.0, "7-0001.journal", &bytes(&header(7, None), bodies(7), &[1, 2]));
    let past = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
    assert_eq!((past.session, past.inputs, past.ended), (SessionId(7), 8, false));
    assert_eq!(past.carry.cash, Usd::dollars(996));
    // The day is measured from the session's cash; at the end there were 10 shares with a bid of 0.40.
    assert_eq!((past.day_start, past.value), ((0, Usd::dollars(1_000)), Usd::dollars(1_000)));
    let states: Vec<OrderState> = past.carry.orders.iter().map(|carried| carried.state).collect();
    // The first is filled; the second was sent and not answered.
    assert_eq!(states, [OrderState::Filled, OrderState::Unknown]);
    assert_eq!(past.placements.len(), 2);
    assert!(last_of(&dir.0, "0xother").unwrap().is_none(), "another account has no session here");
}

#[test]
fn an_emergency_stop_comes_back_until_it_is_released() {
    use model::input::Command;
    let stop = InputKind::Command(Command::EmergencyStop { reason: Reason::new() });
    let release = InputKind::Command(Command::Release { reason: "checked".into() });
    let quiet = || bodies(7).into_iter().take(2);
    for (name, more, halted) in [
        ("halted", vec![stop.clone()], true),
        ("released", vec![stop.clone(), release.clone()], false),
        ("halted-again", vec![stop.clone(), release, stop], true),
        ("never-halted", Vec::new(), false),
    ] {
        let dir = Folder::new(name);
        write(&dir.0, "7-0001.journal", &bytes(&header(7, None), quiet().chain(more).collect(), &[]));
        assert_eq!(last_of(&dir.0, ACCOUNT).unwrap().unwrap().halted, halted, "{name}");
    }
}

#[test]
fn the_bot_comes_back_as_operators_left_it_and_not_as_the_end_of_the_session_did() {
    use model::input::Command;
    let of = |sequence: &[Command], ended| {
        let dir = Folder::new("left-as");
        let commands = sequence.iter().map(|command| InputKind::Command(command.clone()));
        let mut bytes = bytes(&header(7, None), bodies(7).into_iter().take(2).chain(commands).collect(), &[]);
        if ended {
            encode(&Record::End(Time(2_000_000)), &mut bytes).unwrap();
        }
        write(&dir.0, "7-0001.journal", &bytes);
        last_of(&dir.0, ACCOUNT).unwrap().unwrap().bot
    };
    let (start, stop, pause) = (Command::Start, Command::Stop, Command::Pause);
    let halt = Command::EmergencyStop { reason: Reason::new() };
    for (words, ended, left) in [
        (vec![start.clone(), stop.clone()], true, BotState::Running),
        (vec![start.clone(), pause.clone(), stop.clone()], true, BotState::Paused),
        (vec![start.clone(), stop.clone(), stop.clone()], true, BotState::Stopped),
        (vec![stop.clone()], true, BotState::Stopped),
        // Without an end in order a stop is an operator's.
        (vec![start.clone(), stop.clone()], false, BotState::Stopped),
        (vec![start.clone()], false, BotState::Running),
        (vec![start, halt, stop], true, BotState::Stopped),
    ] {
        assert_eq!(of(&words, ended), left, "{words:?}, ended {ended}");
    }
}

#[test]
fn a_journal_of_another_account_is_not_read_beyond_its_header() {
    let dir = Folder::new("other");
    write(&dir.0, "7-0001.journal", &bytes(&header(7, None), bodies(7), &[1, 2]));
    let other = Header { account: "0xother".into(), ..header(8, None) };
    let mut damaged = bytes(&other, bodies(8), &[]);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    write(&dir.0, "8-0001.journal", &damaged);
    assert_eq!(last_of(&dir.0, ACCOUNT).unwrap().unwrap().session, SessionId(7));
    assert!(last_of(&dir.0, "0xother").is_err());
}

#[test]
fn an_order_without_a_placement_record_never_left() {
    let dir = Folder::new("left");
    write(&dir.0, "7-0001.journal", &bytes(&header(7, None), bodies(7), &[1]));
    let past = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
    assert_eq!(past.carry.orders.last().unwrap().state, OrderState::Refused);
}

#[test]
fn a_torn_end_is_tolerated_and_a_damaged_middle_is_refused_with_its_place() {
    let dir = Folder::new("torn");
    let whole = bytes(&header(7, None), bodies(7), &[1, 2]);
    for cut in 1..40 {
        write(&dir.0, "7-0001.journal", &whole[..whole.len() - cut]);
        let past = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
        assert_eq!(past.inputs, 7, "{cut} bytes cut off");
    }
    let mut damaged = whole.clone();
    let middle = whole.len() / 2;
    damaged[middle] ^= 1;
    write(&dir.0, "7-0001.journal", &damaged);
    let error = last_of(&dir.0, ACCOUNT).unwrap_err().to_string();
    assert!(error.contains("7-0001.journal") && error.contains("damaged at byte"), "{error}");
}

#[test]
fn placements_of_orders_that_the_engine_dropped_are_removed() {
    let mut reading = Reading::default();
    for (seq, body) in (1u64..).zip(bodies(7)) {
        reading.on_step(Step::Record(Record::Input(input(seq, Time(1_000_000 + seq), body))));
    }
    for order in 1..=u64::try_from(PLACEMENTS_MAX).unwrap() + 5 {
        let (salt, timestamp_ms, venue) = (0, 0, VenueOrderId([0; 32]));
        let placement = ::journal::Placement { order: OrderId(order), salt, timestamp_ms, venue };
        reading.on_step(Step::Record(Record::Placement(placement)));
        let newest = reading.placements.last_key_value().map(|(order, _)| order.0);
        assert_eq!(newest, Some(order), "its order may be recorded after it");
    }
    assert!(reading.placements.len() < 10, "{}", reading.placements.len());
    let past = reading.past(SessionId(7));
    assert_eq!(past.placements.keys().map(|order| order.0).collect::<Vec<_>>(), [1, 2]);
}

/// The results of a walk: the inputs, the offset of truncation, and the error.
fn walked(file: &Path, last: bool, piece: u64) -> (Vec<u64>, Option<usize>, Option<String>) {
    let (mut inputs, mut torn) = (Vec::new(), None);
    let outcome = walk_file(file, last, piece, &mut |step| match step {
        Step::Record(Record::Input(input)) => inputs.push(input.seq.0),
        Step::Record(_) => {}
        Step::Torn { at, .. } => torn = Some(at),
    });
    (inputs, torn, outcome.err().map(|error| error.to_string()))
}

#[test]
fn a_files_records_do_not_depend_on_the_chunk_size() {
    let dir = Folder::new("pieces");
    let whole = bytes(&header(7, None), bodies(7), &[1, 2]);
    let file = folder(&dir.0).join("7-0001.journal");
    let mut damaged = whole.clone();
    let place = whole.len() - 100;
    damaged[place] ^= 1;
    let mut ends = whole.clone();
    *ends.last_mut().unwrap() ^= 1;
    let contents = [&whole[..], &whole[..whole.len() - 1], &whole[..5], &whole[..0], &damaged, &ends];
    for (which, content) in contents.into_iter().enumerate() {
        write(&dir.0, "7-0001.journal", content);
        for last in [true, false] {
            let expected = walked(&file, last, u64::MAX);
            assert_eq!(expected.0.len() == 8, which == 0, "{expected:?}");
            assert!(which == 0 || expected.1.is_some() || expected.2.is_some(), "{which} is whole: {expected:?}");
            for piece in 1..=u64::try_from(whole.len()).unwrap() {
                assert_eq!(walked(&file, last, piece), expected, "content {which}, {piece} bytes at once");
            }
        }
    }
}

#[test]
fn a_packed_file_is_read_as_the_plain_one() {
    let dir = Folder::new("gzip");
    let whole = bytes(&header(7, None), bodies(7), &[1, 2]);
    write(&dir.0, "7-0001.journal", &whole);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &whole).unwrap();
    let packed = encoder.finish().unwrap();
    write(&dir.0, "7-0001.journal.gz", &packed);
    let [plain, gz] = ["7-0001.journal", "7-0001.journal.gz"].map(|name| folder(&dir.0).join(name));
    assert_eq!(walked(&gz, true, 64), walked(&plain, true, 64));
    write(&dir.0, "7-0001.journal.gz", &packed[..packed.len() / 2]);
    let (_, torn, error) = walked(&gz, true, 64);
    assert_eq!(torn, None, "compressed files are complete before they get their name");
    assert!(error.unwrap().contains("reading"));
}

#[test]
fn a_file_that_ends_early_although_more_follow_is_damage() {
    let dir = Folder::new("middle");
    let whole = bytes(&header(7, None), bodies(7), &[1, 2]);
    write(&dir.0, "7-0001.journal", &whole[..whole.len() - 3]);
    write(&dir.0, "7-0002.journal", &bytes(&Header { segment: 2, ..header(7, None) }, Vec::new(), &[]));
    let error = last_of(&dir.0, ACCOUNT).unwrap_err().to_string();
    assert!(error.contains("7-0001.journal") && error.contains("more files follow"), "{error}");
}

#[test]
fn a_session_that_had_not_taken_over_yet_is_passed_over() {
    let dir = Folder::new("over");
    write(&dir.0, "7-0001.journal", &bytes(&header(7, None), bodies(7), &[1, 2]));
    let begun = bodies(8).into_iter().take(2).collect();
    write(&dir.0, "8-0001.journal", &bytes(&header(8, Some(7)), begun, &[1, 2]));
    write(&dir.0, "9-0001.journal", b"PT");
    let past = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
    assert_eq!(past.session, SessionId(7));
    let carry = past.carry;
    let mut taken: Vec<InputKind> = bodies(8).into_iter().take(2).collect();
    taken.push(InputKind::CarryOver(Box::new(carry.clone())));
    write(&dir.0, "8-0001.journal", &bytes(&header(8, Some(7)), taken, &[1, 2]));
    let past = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
    assert_eq!((past.session, past.carry.cash), (SessionId(8), carry.cash));
    assert_eq!(past.placements.len(), 2);
}

#[test]
fn a_journal_goes_on_in_another_file_when_one_is_full() {
    let dir = Folder::new("segments");
    let storage = super::super::segments::Segments::sized(&folder(&dir.0), &header(7, None), 300).unwrap();
    let journal = super::super::Journal::on(storage, &header(7, None)).unwrap();
    for (seq, body) in (1u64..).zip(bodies(7)) {
        journal.input(&input(seq, Time(1_000_000 + seq), body)).unwrap();
        // Appended separately, so that files fill up in between.
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    journal.close(Time(9));
    let sessions = segments_of(&folder(&dir.0)).unwrap();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].1.len() > 1, "{sessions:?}");
    let past = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
    assert_eq!((past.inputs, past.ended), (8, true));
}

/// A month, without a size limit.
const DAYS: crate::journal_files::Keep = crate::journal_files::Keep { days: 30, bytes: u64::MAX };

/// Writes the session of `bodies` in files of about 300 bytes, with retention that covers and compresses them.
fn write_kept(dir: &Path) {
    let storage = super::super::segments::Segments::sized(&folder(dir), &header(7, None), 300).unwrap();
    let storage = storage.notify_full(crate::journal_files::retention::start(folder(dir), DAYS).unwrap());
    let journal = super::super::Journal::on(storage, &header(7, None)).unwrap();
    for (seq, body) in (1u64..).zip(bodies(7)) {
        journal.input(&input(seq, Time(1_000_000 + seq), body)).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    journal.close(Time(9));
}

/// Waits until all files but the last are compressed, and returns them all.
fn packed(dir: &Path) -> Vec<std::path::PathBuf> {
    for _ in 0..500 {
        let files = segments_of(&folder(dir)).unwrap().remove(0).1;
        let plain = files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "journal")).count();
        if plain == 1 {
            return files;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the files were not compressed");
}

/// Returns a snapshot with another name of its build: after eight bytes and the digest are the name's length and the name.
fn of_another_build(snapshot: &[u8]) -> Vec<u8> {
    let mut bytes = snapshot.to_vec();
    bytes[41] = b'P';
    let digest = sha2::Sha256::digest(&bytes[40..]);
    bytes[8..40].copy_from_slice(&digest);
    bytes
}

#[test]
fn a_snapshot_and_the_files_after_it_equal_the_whole_journal() {
    let dir = Folder::new("kept");
    write_kept(&dir.0);
    let files = packed(&dir.0);
    assert!(files.len() > 2, "{files:?}");
    let with = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
    let snapshot = folder(&dir.0).join("7.snapshot");
    let bytes = std::fs::read(&snapshot).unwrap();
    std::fs::remove_file(&snapshot).unwrap();
    let without = last_of(&dir.0, ACCOUNT).unwrap().unwrap();
    assert_eq!((&with.carry, with.inputs, &with.placements), (&without.carry, without.inputs, &without.placements));
    assert_eq!((with.markets.len(), with.inputs), (1, 8));
    // A damaged snapshot is ignored: the whole journal is there.
    let mut damaged = bytes.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    std::fs::write(&snapshot, &damaged).unwrap();
    assert_eq!(last_of(&dir.0, ACCOUNT).unwrap().unwrap().carry, with.carry);
    // Without it, and without the files that it covered, the state is unknown.
    std::fs::remove_file(&snapshot).unwrap();
    std::fs::remove_file(&files[0]).unwrap();
    let error = last_of(&dir.0, ACCOUNT).unwrap_err().to_string();
    assert!(error.contains("begins with file 2"), "{error}");
    // Another program's snapshot is not read, but named.
    std::fs::write(&snapshot, of_another_build(&bytes)).unwrap();
    let error = last_of(&dir.0, ACCOUNT).unwrap_err().to_string();
    assert!(error.contains("written by another program, Polytrader "), "{error}");
    // With it, they are not needed.
    std::fs::write(&snapshot, &bytes).unwrap();
    assert_eq!(last_of(&dir.0, ACCOUNT).unwrap().unwrap().carry, with.carry);
}

#[test]
fn old_files_go_and_what_a_start_needs_stays() {
    use crate::journal_files::retention::discard;
    let dir = Folder::new("old");
    write(&dir.0, "5-0001.journal", &bytes(&header(5, None), bodies(5), &[]));
    let other = Header { account: "0xother".into(), ..header(6, None) };
    write(&dir.0, "6-0001.journal", &bytes(&other, bodies(6), &[]));
    write_kept(&dir.0);
    let kept = packed(&dir.0).len();
    let journals = folder(&dir.0);
    let now = std::time::SystemTime::now();
    discard(&journals, DAYS, now).unwrap();
    assert_eq!(segments_of(&journals).unwrap().len(), 3, "no file is old yet");
    let later = now + std::time::Duration::from_secs(31 * 86_400);
    discard(&journals, DAYS, later).unwrap();
    let left = segments_of(&journals).unwrap();
    let sessions: Vec<(u64, usize)> = left.iter().map(|(session, files)| (session.0, files.len())).collect();
    // Only the last session's files that its snapshot does not cover, and the other account's last session; no session
    // that was followed.
    assert_eq!(sessions, [(7, 1), (6, 1)], "of {kept} files");
    assert_eq!(last_of(&dir.0, ACCOUNT).unwrap().unwrap().inputs, 8);
    assert!(last_of(&dir.0, "0xother").unwrap().is_some());
}

#[test]
fn above_the_ceiling_the_oldest_files_go_and_what_a_start_needs_stays() {
    use crate::journal_files::Keep;
    use crate::journal_files::retention::discard;
    let dir = Folder::new("ceiling");
    for session in 3..7 {
        write(&dir.0, &format!("{session}-0001.journal"), &bytes(&header(session, None), bodies(session), &[]));
    }
    write_kept(&dir.0);
    let all = packed(&dir.0).len();
    let journals = folder(&dir.0);
    let total = || -> u64 {
        let files = segments_of(&journals).unwrap().into_iter().flat_map(|(_, files)| files);
        files.map(|file| std::fs::metadata(file).unwrap().len()).sum()
    };
    let sessions = || -> Vec<(u64, usize)> {
        segments_of(&journals).unwrap().iter().map(|(session, files)| (session.0, files.len())).collect()
    };
    let now = std::time::SystemTime::now();
    discard(&journals, Keep { bytes: total(), ..DAYS }, now).unwrap();
    assert_eq!(sessions(), [(7, all), (6, 1), (5, 1), (4, 1), (3, 1)]);
    let most = total() - 1;
    discard(&journals, Keep { bytes: most, ..DAYS }, now).unwrap();
    assert_eq!(sessions(), [(7, all), (6, 1), (5, 1), (4, 1)], "the oldest only");
    discard(&journals, Keep { bytes: 0, ..DAYS }, now).unwrap();
    // The last session's files that its snapshot does not cover, and the session before, to which a start may fall
    // back.
    assert_eq!(sessions(), [(7, 1), (6, 1)]);
    assert_eq!(last_of(&dir.0, ACCOUNT).unwrap().unwrap().inputs, 8);
}
