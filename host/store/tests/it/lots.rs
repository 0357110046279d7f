//! Fills and moves, read in the order of time, on both databases.

use crate::db::{PATIENCE, SESSION, fill};
use crate::postgres::Cluster;
use store::db::lots::LedgerOf;
use store::db::{Db, DbWrite, FillKey, FillRow, MoveRow, SessionRow};
use testkit::Scratch;

#[tokio::test]
async fn fills_and_moves_come_once_in_order_and_of_their_mode_on_sqlite() {
    let dir = Scratch::new("lots");
    let url = format!("sqlite:{}", dir.join("test.sqlite").display());
    come_once(&Db::open(&url).await.unwrap()).await;
}

#[tokio::test]
async fn fills_and_moves_come_once_in_order_and_of_their_mode_on_postgres() {
    let Some(cluster) = Cluster::start("lots") else { return };
    come_once(&Db::open(&cluster.url()).await.unwrap()).await;
}

fn moved(session: u64, seq: u64, place: u32, at_ms: u64) -> MoveRow {
    MoveRow {
        session,
        seq,
        place,
        at_ms,
        kind: "redeem".to_owned(),
        token: "123".to_owned(),
        market: "rain".to_owned(),
        outcome: "Yes".to_owned(),
        size_micros: 5,
        comes: 0,
        dollars_micro_usd: -4,
    }
}

async fn come_once(db: &Db) {
    let writer = db.writer();
    let sessions = [(SESSION, "live", "0xFeed"), (SESSION + 1, "live", "0xbeef"), (SESSION + 2, "paper", "0xfeed")];
    for (session, mode, account) in sessions {
        let row = SessionRow { session, mode, account: account.to_owned(), started_at_ms: 1 };
        writer.write(DbWrite::Session(row));
        for (id, at_ms) in [("b", 500), ("a", 500), ("c", 400)] {
            writer.write(DbWrite::Fill(FillRow { session, ..fill(id, at_ms, "confirmed") }));
        }
        writer.write(DbWrite::Fill(FillRow { session, ..fill("d", 450, "failed") }));
        for (seq, place, at_ms) in [(9, 0, 700), (9, 1, 700), (3, 0, 700), (4, 0, 600)] {
            // Written twice: a repeated row changes nothing.
            writer.write(DbWrite::Move(moved(session, seq, place, at_ms)));
            writer.write(DbWrite::Move(moved(session, seq, place, at_ms)));
        }
    }
    assert!(writer.flush(PATIENCE).await);
    assert_eq!(writer.health().lost, 0);
    let of = LedgerOf { mode: "live", account: "" };
    for size in [1, 2, 3, 100] {
        let (mut fills, mut after) = (Vec::new(), None);
        loop {
            let page = db.ledger_fills(of, after.as_ref(), size).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(FillKey { at_ms: last.at_ms, session: last.session, id: last.id.clone() });
            fills.extend(page.into_iter().map(|row| (row.at_ms, row.session - SESSION, row.id, row.account)));
        }
        let expected = [
            (400, 0, "c", "0xFeed"),
            (400, 1, "c", "0xbeef"),
            (500, 0, "a", "0xFeed"),
            (500, 0, "b", "0xFeed"),
            (500, 1, "a", "0xbeef"),
            (500, 1, "b", "0xbeef"),
        ];
        assert_eq!(fills, expected.map(|(at, session, id, account)| (at, session, id.to_owned(), account.to_owned())));
        let (mut moves, mut after) = (Vec::new(), None);
        loop {
            let page = db.ledger_moves(of, after.as_ref(), size).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.row.clone());
            moves.extend(page.into_iter().map(|one| (one.row.session - SESSION, one.row.seq, one.row.place)));
        }
        assert_eq!(moves, [(0, 4, 0), (1, 4, 0), (0, 3, 0), (0, 9, 0), (0, 9, 1), (1, 3, 0), (1, 9, 0), (1, 9, 1)]);
    }
    // Addresses are compared without case.
    let one = LedgerOf { mode: "live", account: "0xfeed" };
    assert_eq!(db.ledger_fills(one, None, 100).await.unwrap().len(), 3);
    let moves = db.ledger_moves(one, None, 100).await.unwrap();
    assert_eq!(moves.first().map(|one| (&one.row, one.account.as_str())), Some((&moved(SESSION, 4, 0, 600), "0xFeed")));
    // The moves of a session are replaced together with its other rows.
    db.replace_session(SESSION).await.unwrap().commit().await.unwrap();
    assert_eq!(db.ledger_moves(one, None, 100).await.unwrap(), []);
}
