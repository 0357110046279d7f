//! Reads the share changes of a mode's accounts from the database, in the order of time.

use super::{Change, Lot, Lots};
use crate::cli::LotsArgs;
use anyhow::Context;
use secrecy::ExposeSecret;
use std::collections::VecDeque;
use std::time::Duration;
use store::db::lots::{LEDGER_ROWS_MAX, LedgerFill, LedgerMove, LedgerOf};
use store::db::{Db, FillKey, MoveRow, Plaintext};

/// The longest time that the database may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Passes each change to `changed` and each closed lot to `closed`, and returns the open lots. A host may be running at
/// the same time.
///
/// # Errors
/// If the configuration is invalid, or the database cannot be read.
pub(crate) fn walk(
    args: &LotsArgs,
    mut changed: impl FnMut(&Change),
    mut closed: impl FnMut(Lot),
) -> anyhow::Result<Lots> {
    let config = args.common.load_config().context("reading the configuration")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let plaintext = if config.database_plaintext { Plaintext::Allowed } else { Plaintext::Refused };
        let url = config.database_url.expose_secret();
        refuse_missing(url)?;
        let db = Db::open_with(url, plaintext).await?;
        let account = args.account.clone().unwrap_or_default();
        let of = LedgerOf { mode: config.mode.as_str(), account: &account };
        let mut lots = Lots::default();
        let mut source = Source::new(&db, of);
        while let Some(change) = source.next().await? {
            changed(&change);
            lots.apply(change, &mut closed)?;
        }
        db.close(CLOSE_WITHIN).await;
        Ok(lots)
    })
}

/// Refuses a missing database file, because opening it would create it.
fn refuse_missing(url: &str) -> anyhow::Result<()> {
    let file = url.strip_prefix("sqlite:").map(std::path::Path::new);
    match file {
        Some(file) if !file.exists() => {
            anyhow::bail!("there is no database {}; select the data folder with --data-dir", file.display())
        }
        _ => Ok(()),
    }
}

/// Fills and moves, merged by time.
struct Source<'a> {
    db: &'a Db,
    of: LedgerOf<'a>,
    fills: VecDeque<LedgerFill>,
    moves: VecDeque<LedgerMove>,
    last_fill: Option<FillKey>,
    last_move: Option<MoveRow>,
    all_fills: bool,
    all_moves: bool,
}

impl<'a> Source<'a> {
    const fn new(db: &'a Db, of: LedgerOf<'a>) -> Self {
        Self {
            db,
            of,
            fills: VecDeque::new(),
            moves: VecDeque::new(),
            last_fill: None,
            last_move: None,
            all_fills: false,
            all_moves: false,
        }
    }

    async fn next(&mut self) -> anyhow::Result<Option<Change>> {
        self.fetch().await?;
        // At the same time: a split before the sale of its shares, and a sale before the redemption of the rest.
        let place = |row: &LedgerMove| (row.row.at_ms, if row.row.comes == 1 { 0u8 } else { 2 });
        let of_fill = self.fills.front().map(|fill| (fill.at_ms, 1u8));
        let of_move = self.moves.front().map(place);
        let takes_move = match (of_fill, of_move) {
            (Some(fill), Some(moved)) => moved < fill,
            (None, moved) => moved.is_some(),
            (Some(_), None) => false,
        };
        Ok(if takes_move { self.moves.pop_front().map(of_moved) } else { self.fills.pop_front().map(of_filled) })
    }

    async fn fetch(&mut self) -> anyhow::Result<()> {
        if self.fills.is_empty() && !self.all_fills {
            let rows = self.db.ledger_fills(self.of, self.last_fill.as_ref(), LEDGER_ROWS_MAX).await?;
            let key = |row: &LedgerFill| FillKey { at_ms: row.at_ms, session: row.session, id: row.id.clone() };
            self.last_fill = rows.last().map(key);
            self.all_fills = rows.is_empty();
            self.fills = rows.into();
        }
        if self.moves.is_empty() && !self.all_moves {
            let rows = self.db.ledger_moves(self.of, self.last_move.as_ref(), LEDGER_ROWS_MAX).await?;
            self.last_move = rows.last().map(|row| row.row.clone());
            self.all_moves = rows.is_empty();
            self.moves = rows.into();
        }
        Ok(())
    }
}

fn of_filled(fill: LedgerFill) -> Change {
    Change {
        account: fill.account,
        token: fill.token,
        market: fill.market,
        outcome: fill.outcome,
        at_ms: fill.at_ms,
        by: "trade".to_owned(),
        comes: fill.side == "BUY",
        size_micros: fill.size_micros,
        dollars: fill.cost_micro_usd,
        fee: fill.fee_micro_usd,
    }
}

fn of_moved(LedgerMove { account, row }: LedgerMove) -> Change {
    Change {
        account,
        token: row.token,
        market: row.market,
        outcome: row.outcome,
        at_ms: row.at_ms,
        by: row.kind,
        comes: row.comes == 1,
        size_micros: row.size_micros,
        dollars: row.dollars_micro_usd,
        fee: 0,
    }
}
