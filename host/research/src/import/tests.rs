#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

use super::*;
use crate::dataset;
use crate::events::{EventSource, TapeEventKind};
use model::event::MarketEventKind;
use testkit::Scratch;

const OLD: &str = "market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp\n\
    game,11,,book,0.68,ask,26350,aa,1750803262054\n\
    game,11,,book,0.60,bid,10.5,aa,1750803262054\n\
    game,22,,book,0.40,ask,10.5,bb,1750803262054\n\
    game,22,,book,0.32,bid,26350,bb,1750803262054\n\
    game,11,,price_change,0.61,bid,5,cc,1750803262154\n\
    game,22,,price_change,0.39,ask,5,dd,1750803262154\n";

fn written(dir: &Scratch, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn imported(text: &str) -> anyhow::Result<FileReport> {
    let dir = Scratch::new("import");
    let path = written(&dir, "game.csv", text);
    import(&[path], &dir.join("game.tape"), &ImportOptions::default()).map(|report| report.files[0].clone())
}

#[test]
fn a_recording_becomes_the_frames_that_the_venue_sends() {
    let dir = Scratch::new("import-frames");
    let path = written(&dir, "game.csv", OLD);
    let out = dir.join("game.tape");
    let report = import(&[path], &out, &ImportOptions::default()).unwrap();
    assert_eq!(report.files[0].rows, 6);
    assert!(report.files[0].issues.is_empty(), "{report}");
    let tape = Tape::open(&out).unwrap();
    let mut steps = tape.records().unwrap();
    let Some(tape::Step::Record(_, tape::Record::Frame { bytes, stamp, .. })) = steps.step().unwrap() else { panic!() };
    let condition = tape.manifest().markets.keys().next().unwrap();
    let expected = format!(
        r#"{{"event_type":"book","market":"{condition}","asset_id":"11","timestamp":"1750803262054","hash":"aa","bids":[{{"price":"0.60","size":"10.5"}}],"asks":[{{"price":"0.68","size":"26350"}}]}}"#
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    assert_eq!((stamp.at_us, stamp.received), (1_750_803_262_054_000, false));
    let source = &tape.manifest().sources[0];
    assert_eq!((source.name.as_str(), source.sha256.len(), source.format.as_str()), ("game.csv", 64, "l2-csv"));
    assert_eq!(tape.manifest().importer, "l2-csv 1");

    let mut dataset = dataset::open(&[out], None, None).unwrap();
    let mut kinds = Vec::new();
    while let Some(event) = dataset.next_event().unwrap() {
        assert_eq!(event.received_at, None);
        kinds.push(event.kind);
    }
    assert_eq!(kinds.len(), 3);
    let TapeEventKind::Listed(listed) = &kinds[0] else { panic!("{kinds:?}") };
    assert_eq!(listed.market.slug, "game");
    assert!(!listed.fee_known);
    assert!(listed.assumed.iter().any(|line| line == "tick size at listing 0.01"), "{:?}", listed.assumed);
    assert!(dataset.descriptions()[0].quality.is_empty(), "{:?}", dataset.descriptions());
}

#[test]
fn each_kind_of_damage_is_counted_with_its_first_line() {
    let text = format!(
        "{OLD}game,11,,price_change,0.61,bgame,11,,price_change,0.62,bid,5,ee,1750803262254\n\
         game,11,,price_change,0.70,bid,5,ff,1750803262100\n\
         game,11,,price_change,0.70,bid,5,ff,1750803262100\n\
         game,11,,price_change,0.70,bid,0,gg,1750803362100\n\
         game,11,,price_change,0.7x,bid,0,hh,1750803362100\n"
    );
    let report = imported(&text).unwrap();
    let first = |kind: &str| report.issues.get(kind).map(|issue| (issue.count, issue.first_line));
    assert_eq!(first("torn"), Some((2, 8)));
    assert_eq!(first("unsorted"), Some((1, 9)));
    assert_eq!(first("duplicate"), Some((1, 10)));
    assert_eq!(first("crossed"), Some((1, 9)));
    assert_eq!(first("gap"), Some((1, 11)));
    let shown = report.to_string();
    assert!(shown.contains("torn 2, first in line 8: 14 values, expected 9"), "{shown}");
    // Frames beside a torn line are marked, because one of their rows may be missing.
    assert_eq!(report.records_of("gap_mark"), 3);
}

#[test]
fn trades_are_inferred_from_the_first_token_and_marked() {
    let dir = Scratch::new("import-infer");
    let text = format!(
        "{OLD}game,11,,book,0.68,ask,26000,ii,1750803263000\n\
         game,11,,book,0.60,bid,10.5,ii,1750803263000\n\
         game,11,,book,0.61,bid,5,ii,1750803263000\n\
         game,22,,book,0.40,ask,10.5,jj,1750803263000\n\
         game,22,,book,0.39,ask,5,jj,1750803263000\n\
         game,22,,book,0.32,bid,26000,jj,1750803263000\n"
    );
    let path = written(&dir, "game.csv", &text);
    let options = ImportOptions { infer_trades: true, ..ImportOptions::default() };
    let out = dir.join("game.tape");
    let report = import(&[path], &out, &options).unwrap();
    assert_eq!(report.files[0].records_of("inferred_trade"), 1);
    let mut dataset = dataset::open(&[out], None, None).unwrap();
    let mut trades = Vec::new();
    while let Some(event) = dataset.next_event().unwrap() {
        if let TapeEventKind::Market(event) = event.kind
            && let MarketEventKind::Trade { side, price, size } = event.kind
        {
            trades.push((event.token.outcome(), side.to_string(), price.to_string(), size.to_string()));
        }
    }
    assert_eq!(trades, [(0, "BUY".to_owned(), "0.68".to_owned(), "350".to_owned())]);
    assert!(dataset.descriptions()[0].quality.contains(&("inferred_trade".to_owned(), 1)));
}

#[test]
fn names_come_from_a_file_of_names_among_the_recordings() {
    let dir = Scratch::new("import-names");
    let names = "market_slug,market_id,asset_id,outcome_name,executed_at_timestamp,game_start_timestamp\n\
        game,557549,22,Orioles,1751420714848,\ngame,557549,11,Rangers,1751420714848,\n";
    let sources = [written(&dir, "game.csv", OLD), written(&dir, "names.csv", names)];
    let out = dir.join("game.tape");
    import(&sources, &out, &ImportOptions::default()).unwrap();
    let tape = Tape::open(&out).unwrap();
    let entry = tape.manifest().markets.values().next().unwrap();
    assert_eq!(entry.tokens, ["22".to_owned(), "11".to_owned()]);
    assert_eq!(entry.outcomes, ["Orioles".to_owned(), "Rangers".to_owned()]);
}

#[test]
fn bad_input_is_refused_in_a_sentence_with_file_and_line() {
    let dir = Scratch::new("import-bad");
    let error = |text: &str| {
        let path = written(&dir, "game.csv", text);
        let error = import(&[path], &dir.join("game.tape"), &ImportOptions::default()).unwrap_err();
        assert!(!dir.join("game.tape").exists());
        let left = std::fs::read_dir(&*dir).unwrap().count();
        assert_eq!(left, 1, "a failed import leaves no file");
        format!("{error:#}").replace(&format!("{}/", dir.display()), "")
    };
    assert_eq!(error(""), "game.csv: the file is empty, expected a recording");
    let unknown = "game.csv line 1: unknown format, expected the header or first line of a known one: \"a,b\"";
    assert_eq!(error("a,b\n1,2\n"), unknown);
    let header = OLD.lines().next().unwrap();
    assert_eq!(error(header), "game.csv: fewer than 2 tokens in valid rows, expected those of one market");
    let third = format!("{OLD}game,33,,book,0.40,ask,10.5,bb,1750803262054\n");
    assert_eq!(error(&third), "game.csv line 8: a third token 33, expected the 2 of one market");
    let missing = OLD.replace("side", "seite");
    assert!(error(&missing).starts_with("game.csv line 1: unknown format"));
    let options = ImportOptions { format: Format::L2Csv, ..ImportOptions::default() };
    let path = written(&dir, "game.csv", &missing);
    let refused = import(&[path], &dir.join("game.tape"), &options).unwrap_err().to_string();
    assert!(refused.ends_with("no column `side`, expected asset_id, event_type, price, side, size, timestamp"));
    assert!(Format::parse("l3").unwrap_err().to_string().starts_with("format \"l3\", expected one of auto, l2-csv"));
}

/// Returns the folder of recorded data, or says that the test does not run.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("NOT RUN: the recordings of {folder} are not in {}", root.display());
    assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: {folder} is missing");
    None
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// All 35 recordings of real books: the counts are those of their description.
#[test]
fn the_recordings_import_with_the_counts_of_their_description() {
    let Some(folder) = shared("minesja-signaldrift") else { return };
    let dir = Scratch::new("import-recordings");
    let files = recordings(&folder.join("l2-events"));
    assert_eq!(files.len(), 35);
    let metadata = recordings(&folder.join("market-metadata"));
    let options = ImportOptions { infer_trades: true, metadata, ..ImportOptions::default() };
    let out = dir.join("all.tape");
    let report = import(&files, &out, &options).unwrap();
    let sum = |kind: &str| report.files.iter().map(|file| file.issues_of(kind)).sum::<u64>();
    let torn = report.files.iter().find(|file| file.issues_of("torn") > 0).unwrap();
    assert!(torn.path.to_string_lossy().contains("cin-bos"));
    assert_eq!((sum("torn"), torn.issues["torn"].first_line), (1, 14_961));
    assert_eq!((sum("gap"), sum("unsorted"), sum("crossed")), (168, 6, 505));
    let frames = |kind: &str| report.files.iter().map(|file| file.records_of(kind)).sum::<u64>();
    eprintln!("{} books, {} changes, {} trades", frames("book"), frames("price_change"), frames("inferred_trade"));

    let mut dataset = dataset::open(std::slice::from_ref(&out), None, None).unwrap();
    let tape = Tape::open(&out).unwrap();
    let decided = tape.manifest().hindsight.values().filter(|entry| entry.implied).count();
    // One of the 35 is a second session of another market under a wrong name; seven more are second sessions.
    eprintln!(
        "{} markets, {decided} decided, quality {:?}",
        dataset.markets().len(),
        dataset.descriptions()[0].quality
    );
    let chc: Vec<_> = tape.manifest().markets.values().filter(|entry| entry.tokens[0].starts_with("589934")).collect();
    assert_eq!(chc.len(), 1);
    let mut trades = 0;
    while let Some(event) = dataset.next_event().unwrap() {
        if let TapeEventKind::Market(event) = event.kind
            && matches!(event.kind, MarketEventKind::Trade { .. })
        {
            assert_eq!(event.token.outcome(), 0, "inferred from one token per market");
            trades += 1;
        }
    }
    assert_eq!(trades, frames("inferred_trade"));
}

/// Cases E4 and E5 over all recordings: the two tokens show the same trades, and about 120 frames a side have no mirror.
#[test]
fn the_two_tokens_of_the_recordings_show_the_same_trades() {
    let Some(folder) = shared("minesja-signaldrift") else { return };
    let mut trades = [0, 0];
    for path in recordings(&folder.join("l2-events")) {
        let recording = exchange::recording::read_file(&path).unwrap();
        let mut tokens = [TradeInference::default(), TradeInference::default()];
        for frame in &recording.frames {
            let token = &mut tokens[usize::try_from(frame.outcome).unwrap()];
            match frame.kind {
                exchange::recording::FrameKind::Book => {
                    let found = token.book(frame.time_ms, &frame.levels);
                    trades[usize::try_from(frame.outcome).unwrap()] += usize::from(found.is_some());
                }
                exchange::recording::FrameKind::Change => {
                    frame.levels.iter().for_each(|(side, price, size)| token.level(frame.time_ms, *side, *price, *size))
                }
            }
        }
    }
    assert_eq!(trades, [908, 909]);
}

#[test]
fn frames_without_mirror_are_counted_in_each_recording() {
    let Some(folder) = shared("minesja-signaldrift") else { return };
    let dir = Scratch::new("import-mirrors");
    let (mut files, mut mine, mut other) = (0, 0, 0);
    for (number, path) in recordings(&folder.join("l2-events")).into_iter().enumerate() {
        let out = dir.join(format!("{number}.tape"));
        import(&[path], &out, &ImportOptions::default()).unwrap();
        let quality = dataset::quality(&Tape::open(&out).unwrap()).unwrap();
        files += usize::from(quality.of("mirror_missing") + quality.of("mirror_differs") > 0);
        mine += quality.of("mirror_missing");
        other += quality.of("mirror_differs");
    }
    assert_eq!((files, mine, other), (22, 119, 122));
}

fn folder_import(folder: &str, pick: &[&str], options: &ImportOptions) -> Option<(Scratch, PathBuf, ImportReport)> {
    let folder = shared(folder)?;
    let dir = Scratch::new("import-shared");
    let mut files = recordings(&folder);
    files.retain(|path| pick.iter().any(|part| path.to_string_lossy().contains(part)));
    let out = dir.join("all.tape");
    let report = import(&files, &out, options).unwrap();
    Some((dir, out, report))
}

/// Returns the counts of signals, closes and listings, and those of markets without books.
fn kinds(out: &Path) -> (usize, usize, usize, usize) {
    let mut dataset = dataset::open(&[out.to_owned()], None, None).unwrap();
    let (mut signals, mut closes, mut listings) = (0, 0, 0);
    let mut last = (0, 0);
    while let Some(event) = dataset.next_event().unwrap() {
        match event.kind {
            TapeEventKind::Signal(_) => signals += 1,
            TapeEventKind::Closed { .. } => closes += 1,
            TapeEventKind::Listed(_) => listings += 1,
            _ => {}
        }
        assert!(event.frame >= last.0, "frames are in order");
        last = (event.frame, event.venue_at.0);
    }
    let without = dataset.markets().iter().filter(|market| !market.listed.has_books).count();
    (signals, closes, listings, without)
}

#[test]
fn snapshots_and_trades_of_both_tokens_are_one_market() {
    let pick = ["15m_sol"];
    let Some((_dir, out, report)) = folder_import("caiooooo-l2-collector", &pick, &ImportOptions::default()) else {
        return;
    };
    let sum = |kind: &str| report.files.iter().map(|file| file.records_of(kind)).sum::<u64>();
    assert_eq!((sum("book"), sum("trade")), (496, 247));
    let tape = Tape::open(&out).unwrap();
    let (_, entry) = tape.manifest().markets.iter().next().unwrap();
    assert_eq!((tape.manifest().markets.len(), entry.slug.as_str()), (1, "sol-updown-15m-1765450800"));
    let quality = dataset::quality(&tape).unwrap();
    assert_eq!((quality.of("mirror_differs"), quality.of("crossed")), (0, 0), "{quality:?}");
    let (signals, closes, listings, without) = kinds(&out);
    assert_eq!(signals, 65, "prices that changed");
    assert_eq!((closes, listings, without), (0, 1, 0));
}

#[test]
fn frames_of_the_real_time_data_service_are_signals() {
    let Some((_dir, out, report)) = folder_import("mikelin97-rtds", &["jsonl"], &ImportOptions::default()) else {
        return;
    };
    let rows: Vec<u64> = report.files.iter().map(|file| file.rows).collect();
    assert_eq!(rows, [5_247, 5_209], "{report}");
    assert_eq!(kinds(&out), (5_247 + 5_209, 0, 0, 0));
}

#[test]
fn markets_without_books_are_signals_closes_and_outcomes() {
    for (folder, pick, markets) in [
        ("felixdoteth-btc5m", vec!["csv"], 20_928),
        ("houssem98-btc5m", vec!["ladder"], 203),
        ("houssem98-btc5m", vec!["windows.", "windows_hist"], 720),
    ] {
        let Some((_dir, out, report)) = folder_import(folder, &pick, &ImportOptions::default()) else { return };
        let tape = Tape::open(&out).unwrap();
        assert_eq!(tape.manifest().markets.len(), markets, "{report}");
        let decided = tape.manifest().hindsight.values().filter(|entry| entry.pays_micros.is_some()).count();
        assert_eq!(decided, markets, "{report}");
        let (signals, closes, listings, without) = kinds(&out);
        assert_eq!((closes, listings, without), (markets, markets, markets));
        assert!(signals >= markets, "{signals}");
    }
}

#[test]
fn tops_become_books_of_one_level() {
    let options = ImportOptions { utc_offset_s: 7_200, ..ImportOptions::default() };
    let Some((_dir, out, report)) = folder_import("kilyaaan-btc5m", &["csv"], &options) else { return };
    assert_eq!(report.files[0].records_of("book"), 378, "{report}");
    let tape = Tape::open(&out).unwrap();
    assert_eq!(tape.manifest().markets.len(), 4);
    // 03:05:45 local time.
    assert_eq!(tape.frames()[0].first_us / 1_000_000, 1_776_474_345);
    assert_eq!(kinds(&out).3, 0);
}

#[test]
fn a_day_of_resolved_markets_keeps_what_was_published_later_apart() {
    let options = ImportOptions::default();
    let Some((_dir, out, report)) = folder_import("ligengxin96/2026-07-24", &["prices", "markets"], &options) else {
        return;
    };
    let tape = Tape::open(&out).unwrap();
    let manifest = tape.manifest();
    assert_eq!(manifest.markets.len(), 292, "{report}");
    let up = manifest.hindsight.values().filter(|entry| entry.pays_micros == Some(1_000_000)).count();
    assert_eq!(up, 140);
    let entry = manifest.markets.values().find(|entry| entry.slug == "btc-updown-5m-1784850900").unwrap();
    assert!(entry.ticks.is_empty(), "the final tick is hindsight");
    assert_eq!((entry.fees[0].rate_micros, entry.min_size_micros), (70_000, Some(5_000_000)));
    assert_eq!(entry.listed_us, Some(1_784_774_866_000_000));
    assert!(
        manifest
            .hindsight
            .values()
            .all(|entry| entry.fields["orderPriceMinTickSize"] == "0.001" || !entry.fields.is_empty())
    );
    let without_strike: u64 = report.files.iter().map(|file| file.issues_of("without_strike")).sum();
    assert_eq!(without_strike, 18);
    let (signals, closes, listings, without) = kinds(&out);
    assert_eq!((signals, closes, listings, without), (78_515 + 292 - 18, 292, 292, 292));
}

#[test]
fn invented_books_are_the_same_for_a_seed_and_say_what_they_are() {
    let dir = Scratch::new("import-invented");
    let start = 1_784_850_900u64;
    let mut prices = "feed_ts_ms,value,full_accuracy_value,server_ts_ms,recv_ms\n".to_owned();
    for second in 0..400 {
        let (ms, value) = ((start + second) * 1_000, 65_026 + second % 9);
        prices.push_str(&format!("{ms},{value}.5,{value}500000000000000000,{ms},{ms}\n"));
    }
    let market = format!(
        r#"{{"slug":"btc-updown-5m-{start}","condition_id":"0x11ba5a5ab05573dee22a32b4c5bec06f035b8660eed912fb134e7215f46bf537","token_ids":["72","57"],"start_sec":{start},"end_sec":{},"resolved":true,"outcome_prices":["1","0"],"strike_value":"65026457815000000000000","raw":{{"outcomes":"[\"Up\", \"Down\"]","feeSchedule":{{"rate":0.07}},"orderMinSize":5}}}}"#,
        start + 300
    );
    let sources = [written(&dir, "BTCUSD-prices.csv", &prices), written(&dir, "markets.jsonl", &market)];
    let invent = |name: &str, seed: u64| {
        let options = ImportOptions { invent_books: true, seed, ..ImportOptions::default() };
        import(&sources, &dir.join(name), &options).unwrap()
    };
    let report = invent("a.tape", 1);
    assert!(report.to_string().starts_with("invented: "), "{report}");
    assert_eq!(report.summary.identity, invent("b.tape", 1).summary.identity);
    assert_ne!(report.summary.identity, invent("c.tape", 2).summary.identity);
    let mut dataset = dataset::open(&[dir.join("a.tape")], None, None).unwrap();
    let [market] = dataset.markets() else { panic!("one market") };
    assert!(market.listed.invented && market.listed.has_books && market.listed.fee_known);
    assert_eq!(market.listed.market.outcomes, ["Up", "Down"]);
    assert!(dataset.descriptions()[0].invented);
    let (mut books, mut trades, mut levels) = (0, 0, 0);
    while let Some(event) = dataset.next_event().unwrap() {
        match event.kind {
            TapeEventKind::Level(_) => levels += 1,
            TapeEventKind::Market(event) | TapeEventKind::Both(event) => match event.kind {
                MarketEventKind::Book { .. } => books += 1,
                MarketEventKind::Trade { .. } => trades += 1,
                other => panic!("{other:?}"),
            },
            TapeEventKind::Blind { .. } => panic!("invented books have no gaps"),
            _ => {}
        }
    }
    assert!(books > 20 && trades > 20 && levels > 250, "{books} books, {trades} trades, {levels} levels");
    let one = ImportOptions { invent_books: true, ..ImportOptions::default() };
    let error = import(&sources[..1], &dir.join("d.tape"), &one).unwrap_err().to_string();
    assert_eq!(error, "invented books need one file of prices-csv and one of resolved-markets-jsonl");
}

/// The first hour of a day of five-minute markets; the whole day takes a minute.
#[test]
fn an_hour_of_five_minute_markets_runs_on_invented_books() {
    use std::io::BufRead;
    let Some(folder) = shared("ligengxin96/2026-07-24") else { return };
    let dir = Scratch::new("import-hour");
    let lines = |name: &str, count: usize| -> Vec<String> {
        let (text, _damage) = exchange::recording::reader::open(&folder.join(name)).unwrap();
        text.lines().take(count).map(|line| line.unwrap()).collect()
    };
    let prices = lines("BTCUSD-prices-2026-07-24.csv.gz", 3_600).join("\n") + "\n";
    let mut markets = lines("BTC-5m-markets-2026-07-24.jsonl.gz", 292);
    markets.sort_by_key(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["start_sec"].as_u64());
    markets.truncate(12);
    let sources =
        [written(&dir, "BTCUSD-prices.csv", &prices), written(&dir, "markets.jsonl", &(markets.join("\n") + "\n"))];
    let options = ImportOptions { invent_books: true, ..ImportOptions::default() };
    let out = dir.join("hour.tape");
    import(&sources, &out, &options).unwrap();
    let mut dataset = dataset::open(&[out], None, None).unwrap();
    let mut trades = 0u64;
    while let Some(event) = dataset.next_event().unwrap() {
        if let TapeEventKind::Market(event) = event.kind {
            trades += u64::from(matches!(event.kind, MarketEventKind::Trade { .. }));
        }
    }
    let invented = dataset.markets().iter().filter(|market| market.listed.invented).count();
    assert!(invented >= 10 && trades > 500, "{invented} markets, {trades} trades");
    assert!(dataset.descriptions()[0].invented);
}
