//! Tables that [`crate::export`] wrote: a folder with `deltas`, `trades` and `markets`. Frames are rebuilt from the rows
//! that share a frame number.

use super::frames::{self, TextChange, TextLevel};
use super::sink::Sink;
use super::source::Source;
use crate::parquet_file::{Row, Table};
use anyhow::{Context, ensure};
use model::{ConditionId, EventId, Price, Size, TokenId};
use tape::Stamp;
use tape::manifest::{FeeEntry, HindsightEntry, MarketEntry, TickEntry};
use tape::record::Origin;

/// Maximum bytes of a table.
const TABLE_MAX: u64 = 4_000_000_000;

/// Imports a folder.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let table = |name: &str| Table::open(&source.path.join(format!("{name}.parquet")));
    let (deltas, trades, markets) = (table("deltas")?, table("trades")?, table("markets")?);
    for row in markets.rows() {
        market(row, sink)?;
    }
    let mut deltas = deltas.rows().peekable();
    let mut trades = trades.rows().peekable();
    let mut last = 0;
    loop {
        let delta = deltas.peek().map(|row| row.int::<i64>("seq")).transpose()?;
        let trade = trades.peek().map(|row| row.int::<i64>("seq")).transpose()?;
        let seq = match (delta, trade) {
            (None, None) => return Ok(()),
            (Some(delta), Some(trade)) => delta.min(trade),
            (Some(seq), None) | (None, Some(seq)) => seq,
        };
        if seq < last {
            let line = sink.report.rows.saturating_add(1);
            sink.report.issue("unsorted", line, || format!("seq {seq} after {last}"));
        }
        last = seq;
        if trade == Some(seq) {
            let Some(row) = trades.next() else { continue };
            sink.report.rows = sink.report.rows.saturating_add(1);
            self::trade(row, sink)?;
        } else {
            let Some(first) = deltas.next() else { continue };
            let group = Group::of(first)?;
            let mut rows = vec![first];
            while let Some(next) = deltas.next_if(|row| group.has(*row)) {
                rows.push(next);
            }
            sink.report.rows = sink.report.rows.saturating_add(u64::try_from(rows.len()).unwrap_or(0));
            frame(&group, &rows, sink)?;
        }
    }
}

/// The rows of one event: a snapshot of a token, or the changes of one market in one frame.
struct Group {
    frame: i64,
    condition: String,
    token: String,
    is_book: bool,
    stamp: Stamp,
    venue_us: u64,
}

impl Group {
    fn of(row: Row<'_>) -> anyhow::Result<Self> {
        let is_book = row.text("kind")? == "clear";
        ensure!(
            is_book || row.text("kind")? == "level",
            row.refused("kind", "clear or level at the beginning of a frame")
        );
        let (stamp, venue_us) = stamp(row)?;
        Ok(Self {
            frame: row.int("frame")?,
            condition: row.text("condition")?.to_owned(),
            token: row.text("token")?.to_owned(),
            is_book,
            stamp,
            venue_us,
        })
    }

    /// Returns true if a row goes on with this event.
    fn has(&self, row: Row<'_>) -> bool {
        let text = |name| row.text(name).unwrap_or_default();
        let kind = if self.is_book { "snapshot" } else { "level" };
        row.int::<i64>("frame").is_ok_and(|frame| frame == self.frame)
            && text("kind") == kind
            && text("condition") == self.condition
            && (!self.is_book || text("token") == self.token)
    }
}

fn stamp(row: Row<'_>) -> anyhow::Result<(Stamp, u64)> {
    let venue_us: u64 = row.int("venue_us")?;
    let received = row.maybe_int("recv_us")?.and_then(|at| u64::try_from(at).ok());
    Ok((received.map_or_else(|| Stamp::venue(venue_us), Stamp::received), venue_us))
}

fn condition(row: Row<'_>) -> anyhow::Result<ConditionId> {
    ConditionId::parse(row.text("condition")?).ok_or_else(|| row.refused("condition", "0x and 64 digits"))
}

fn level(row: Row<'_>) -> anyhow::Result<(bool, TextLevel)> {
    let is_bid = match row.text("side")? {
        "bid" => true,
        "ask" => false,
        _ => return Err(row.refused("side", "bid or ask")),
    };
    let price =
        Price::from_micros(row.int("price_micros")?).ok_or_else(|| row.refused("price_micros", "1 to 999999"))?;
    let size = Size(row.int("size_micros")?);
    Ok((is_bid, TextLevel { price: price.to_string(), size: size.to_string() }))
}

fn frame(group: &Group, rows: &[Row<'_>], sink: &mut Sink) -> anyhow::Result<()> {
    let (Some(first), venue_ms) = (rows.first(), group.venue_us / 1_000) else { return Ok(()) };
    let market = condition(*first)?;
    if group.is_book {
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        for row in rows.iter().skip(1) {
            let (is_bid, level) = level(*row)?;
            if is_bid { bids.push(level) } else { asks.push(level) }
        }
        let bytes = frames::book(market, &group.token, venue_ms, "", &bids, &asks)?;
        return sink.frame("book", group.stamp, Origin::Feed, bytes);
    }
    let mut changes = Vec::new();
    for row in rows {
        let (is_bid, TextLevel { price, size }) = level(*row)?;
        let side = if is_bid { "BUY" } else { "SELL" };
        let asset_id = row.text("token")?.to_owned();
        changes.push(TextChange { asset_id, price, size, side, hash: String::new() });
    }
    let bytes = frames::changes(market, venue_ms, &changes)?;
    sink.frame("price_change", group.stamp, Origin::Feed, bytes)
}

fn trade(row: Row<'_>, sink: &mut Sink) -> anyhow::Result<()> {
    let side = match row.text("taker_side")? {
        "buy" => "BUY",
        "sell" => "SELL",
        _ => return Err(row.refused("taker_side", "buy or sell")),
    };
    let price =
        Price::from_micros(row.int("price_micros")?).ok_or_else(|| row.refused("price_micros", "1 to 999999"))?;
    let size = Size(row.int("size_micros")?);
    let (stamp, venue_us) = stamp(row)?;
    let origin = if row.bool("inferred")? { Origin::Inferred } else { Origin::Feed };
    let hash = row.text("tx_hash").unwrap_or_default();
    let bps = row.maybe_int("fee_rate_micros")?.map(|micros| (micros / 100).to_string()).unwrap_or_default();
    let (market, token) = (condition(row)?, row.text("token")?);
    let (price, size) = (price.to_string(), size.to_string());
    let trade = frames::TradeFrame { market, token, time_ms: venue_us / 1_000, side, price: &price, size: &size };
    let bytes = trade.bytes(&bps, hash)?;
    let kind = if origin == Origin::Inferred { "inferred_trade" } else { "trade" };
    sink.manifest().trades_inferred |= origin == Origin::Inferred;
    sink.frame(kind, stamp, origin, bytes)
}

fn market(row: Row<'_>, sink: &mut Sink) -> anyhow::Result<()> {
    let condition = condition(row)?.to_string();
    let text = |name: &str| row.text(name).map(str::to_owned);
    for name in ["token_0", "token_1"] {
        TokenId::parse(row.text(name)?).ok_or_else(|| row.refused(name, "a decimal token id"))?;
    }
    let event = row.text("event").ok().map(str::to_owned);
    ensure!(event.as_deref().is_none_or(|event| EventId::parse(event).is_some()), row.refused("event", "an event id"));
    let time = |name: &str| anyhow::Ok(row.maybe_int(name)?.and_then(|at| u64::try_from(at).ok()));
    let small = |name: &str| anyhow::Ok(row.maybe_int(name)?.and_then(|value| u32::try_from(value).ok()));
    let tick = small("tick_micros")?.map(|tick_micros| TickEntry { from_us: 0, tick_micros });
    let fee = small("fee_rate_micros")?.map(|rate_micros| FeeEntry { rate_micros, ..FeeEntry::default() });
    let entry = MarketEntry {
        tokens: [text("token_0")?, text("token_1")?],
        outcomes: [text("outcome_0")?, text("outcome_1")?],
        slug: text("slug")?,
        question: text("question")?,
        listed_us: time("listed_us")?,
        end_us: time("end_us")?,
        ticks: tick.into_iter().collect(),
        min_size_micros: time("min_size_micros")?,
        fees: fee.into_iter().collect(),
        neg_risk: row.bool("neg_risk")?,
        event,
        has_books: row.bool("has_books")?,
        invented: row.bool("invented")?,
        ..MarketEntry::default()
    };
    let hindsight = HindsightEntry {
        pays_micros: row.maybe_int("hindsight_pays_micros")?,
        resolved_us: time("hindsight_resolved_us")?,
        implied: row.bool("hindsight_implied")?,
        ..HindsightEntry::default()
    };
    let manifest = sink.manifest();
    manifest.invented |= entry.invented;
    if hindsight.pays_micros.is_some() {
        manifest.hindsight.insert(condition.clone(), hindsight);
    }
    manifest.markets.insert(condition, entry);
    sink.report.wrote("market");
    Ok(())
}

/// Returns true if a folder has the tables.
pub(super) fn is_export(path: &std::path::Path) -> bool {
    path.join("deltas.parquet").is_file()
}

/// Returns the SHA-256 over the tables' bytes.
pub(super) fn hashed(path: &std::path::Path) -> anyhow::Result<String> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for name in ["deltas", "trades", "markets"] {
        let file = path.join(format!("{name}.parquet"));
        hash.update(files::read(&file, files::Links::Follow, TABLE_MAX).with_context(|| file.display().to_string())?);
    }
    Ok(model::hex::encode(&hash.finalize()))
}
