//! Lists that are read page by page: every row once, whatever the page size.

use crate::ceilings::refusal;
use crate::db::{PATIENCE, SESSION, fill, order};
use crate::postgres::Cluster;
use std::collections::BTreeSet;
use store::db::{AuditRow, Db, DbWrite, FillKey, FillRow, Filter};
use testkit::Scratch;

#[tokio::test]
async fn pages_have_every_row_once_on_sqlite() {
    let dir = Scratch::new("pages");
    every_row_once(&Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap()).await;
}

#[tokio::test]
async fn pages_have_every_row_once_on_postgres() {
    let Some(cluster) = Cluster::start("pages_have_every_row_once") else { return };
    every_row_once(&Db::open(&cluster.url()).await.unwrap()).await;
}

/// Three sessions, each with the same ids at the same times: only the session distinguishes the rows.
async fn every_row_once(db: &Db) {
    for session in [SESSION, SESSION + 1, SESSION + 2] {
        for id in [1, 2, 3] {
            for (seq, state) in [(10, "pending"), (10, "live"), (11, "cancelled")] {
                db.writer()
                    .write(DbWrite::Order { seq, order: store::db::OrderRow { session, ..order(id, state, 0) } });
            }
            let fill = FillRow { session, order_id: id, ..fill(&format!("t{id}"), 500, "matched") };
            db.writer().write(DbWrite::Fill(fill));
            db.writer().write(DbWrite::Refusal(store::db::RefusalRow { session, ..refusal(id) }));
        }
        let row = AuditRow { at_ms: 5, action: session.to_string(), ..AuditRow::default() };
        db.audit(&row).await.unwrap();
    }
    assert!(db.writer().flush(PATIENCE).await);
    for size in [1, 2, 4, 9, 10] {
        for (session, rows) in [(None, 9), (Some(SESSION + 1), 3), (Some(SESSION + 9), 0)] {
            let mut seen = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            let (mut fill, mut order, mut refused) = (None, None, None);
            // One page more than there can be.
            for _ in 0..=9 {
                for row in db.trades(&Filter::of(session), fill.as_ref(), size).await.unwrap() {
                    fill = Some(FillKey::from(&row));
                    assert!(seen.0.insert((row.session, row.id)), "twice");
                }
                for row in db.orders(&Filter::of(session), order, size).await.unwrap() {
                    order = Some((row.session, row.id));
                    assert!(seen.1.insert((row.session, row.id)), "twice");
                }
                for row in db.refusals(&Filter::of(session), refused, size).await.unwrap() {
                    refused = Some((row.session, row.seq, row.place));
                    assert!(seen.2.insert((row.session, row.seq, row.place)), "twice");
                }
            }
            assert_eq!((seen.0.len(), seen.1.len(), seen.2.len()), (rows, rows, rows), "{size} of {session:?}");
        }
        let of = (SESSION, 2);
        let (mut states, mut fills, mut audits) = (Vec::new(), Vec::new(), Vec::new());
        let (mut event, mut fill, mut entry) = (None, None, None);
        for _ in 0..=3 {
            let before = event.as_ref().map(|(seq, state): &(u64, String)| (*seq, state.as_str()));
            for row in db.order_events(of, before, size).await.unwrap() {
                event = Some((row.seq, row.state.clone()));
                states.push(row.state);
            }
            for row in db.order_fills(of, fill.as_ref(), size).await.unwrap() {
                fill = Some(FillKey::from(&row));
                fills.push(row.id);
            }
            for row in db.audit_entries(&Filter::default(), entry, size).await.unwrap() {
                entry = Some(row.id);
                audits.push(row.row.action);
            }
        }
        assert_eq!(states, ["cancelled", "pending", "live"]);
        assert_eq!(fills, ["t2"]);
        assert_eq!(audits, [SESSION + 2, SESSION + 1, SESSION].map(|session| session.to_string()));
    }
}
