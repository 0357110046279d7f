#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code may fail loudly")]

use super::*;
use crate::import::{ImportOptions, import};
use crate::parquet_file::{Table, schema};
use testkit::Scratch;

const L2: &str = "market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp\n\
    game,11,,book,0.68,ask,26350,aa,1750803262054\n\
    game,11,,book,0.60,bid,10.5,aa,1750803262054\n\
    game,22,,book,0.40,ask,10.5,bb,1750803262054\n\
    game,22,,book,0.32,bid,26350,bb,1750803262054\n\
    game,11,,price_change,0.61,bid,5,cc,1750803262154\n\
    game,11,,book,0.68,ask,26000,dd,1750803262254\n\
    game,11,,book,0.60,bid,10.5,dd,1750803262254\n\
    game,11,,book,0.61,bid,5,dd,1750803262254\n";

#[test]
fn the_schemas_are_as_committed() {
    let all = [schema("deltas", DELTAS), schema("trades", TRADES), schema("markets", MARKETS)].concat();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export/schemas.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, &all).unwrap();
    }
    let committed = std::fs::read_to_string(&golden).unwrap();
    assert_eq!(committed, all, "the schema changes; that needs a new SCHEMA_VERSION");
}

#[test]
fn an_exported_tape_imports_with_the_same_events() {
    let dir = Scratch::new("export");
    std::fs::write(dir.join("game.csv"), L2).unwrap();
    let options = ImportOptions { infer_trades: true, ..ImportOptions::default() };
    let (first, tables, second) = (dir.join("a.tape"), dir.join("tables"), dir.join("b.tape"));
    import(&[dir.join("game.csv")], &first, &options).unwrap();
    let exported = export(&mut Tape::open(&first).unwrap(), &tables).unwrap();
    assert_eq!(exported, Exported { deltas: 11, trades: 1, markets: 1, left_out: 0, unread: 0 });

    let deltas = Table::open(&tables.join("deltas.parquet")).unwrap();
    assert_eq!(deltas.metadata["schema_version"], "1");
    assert_eq!(deltas.metadata["tape"], Tape::open(&first).unwrap().identity().unwrap().to_string());
    let kinds: Vec<&str> = deltas.rows().map(|row| row.text("kind").unwrap()).collect();
    assert_eq!(kinds[..6], ["clear", "snapshot", "snapshot", "clear", "snapshot", "snapshot"]);
    let rows: Vec<_> = deltas.rows().collect();
    assert_eq!(rows[0].maybe_int("price_micros").unwrap(), None);
    assert_eq!((rows[6].int::<u32>("price_micros").unwrap(), rows[6].text("side").unwrap()), (610_000, "bid"));

    import(std::slice::from_ref(&tables), &second, &ImportOptions::default()).unwrap();
    let events = |path: &Path| {
        use crate::events::EventSource;
        let mut dataset = crate::dataset::open(&[path.to_owned()], None, None).unwrap();
        let mut events = Vec::new();
        while let Some(event) = dataset.next_event().unwrap() {
            if !matches!(event.kind, crate::events::TapeEventKind::Listed(_)) {
                events.push(event);
            }
        }
        events
    };
    assert_eq!(events(&second), events(&first));
    let again = export(&mut Tape::open(&first).unwrap(), &tables).unwrap_err().to_string();
    assert!(again.ends_with("exists already, expected a new folder"), "{again}");
}
