//! Tapes as Parquet: `deltas`, `trades` and `markets`, for other tools. Both tokens' frames are there as recorded, so that
//! an import of the tables gives the frames again, without what the parser does not keep.

mod tables;
#[cfg(test)]
mod tests;

pub(crate) use tables::{DELTAS, MARKETS, TRADES};

use crate::parquet_file::{Field, bytes};
use anyhow::{Context, ensure};
use model::event::{MarketEvent, MarketEventKind};
use model::{ConditionId, Level, MarketIx, Price, Side, Size, TokenId};
use polymarket::TokenMap;
use polymarket::parse::parse_elements;
use std::path::Path;
use std::sync::Arc;
use tables::{Delta, TradeRow};
use tape::record::Origin;
use tape::{Record, Stamp, Step, Tape};

/// Version of the schemas.
pub const SCHEMA_VERSION: u32 = 1;
/// Maximum rows of a table; a longer tape is exported in slices.
pub const ROWS_MAX: usize = 20_000_000;
const UNITS: &str =
    "price and fee rate in millionths of a dollar, size in millionths of a share, times in microseconds since 1970 UTC";

/// Numbers of rows of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Exported {
    /// Rows of `deltas`.
    pub deltas: usize,
    /// Rows of `trades`.
    pub trades: usize,
    /// Rows of `markets`.
    pub markets: usize,
    /// Records that the tables have no place for: signals, gaps, closes, own orders and fills.
    pub left_out: u64,
    /// Frames that could not be parsed, and damaged places.
    pub unread: u64,
}

/// Exports a tape to a new folder.
///
/// # Errors
/// If the folder exists, the tape cannot be read, or has more than [`ROWS_MAX`] rows.
pub fn export(tape: &mut Tape, out: &Path) -> anyhow::Result<Exported> {
    ensure!(!out.exists(), "{}: exists already, expected a new folder", out.display());
    let mut rows = Rows::new(tape)?;
    let mut records = tape.records()?;
    while let Some(step) = records.step()? {
        match step {
            Step::Record(_, Record::Frame { stamp, origin, bytes, .. }) => rows.frame(stamp, origin, &bytes),
            Step::Record(..) => rows.counts.left_out = rows.counts.left_out.saturating_add(1),
            Step::Damaged(_) => rows.counts.unread = rows.counts.unread.saturating_add(1),
        }
        let most = rows.deltas.len().max(rows.trades.len());
        ensure!(most <= ROWS_MAX, "{}: more than {ROWS_MAX} rows, export slices of it", tape.path().display());
    }
    let markets = tables::markets(tape.manifest())?;
    let metadata = [
        ("schema_version", SCHEMA_VERSION.to_string()),
        ("units", UNITS.to_owned()),
        ("tape", tape.identity()?.to_string()),
        ("invented", tape.manifest().invented.to_string()),
    ];
    std::fs::create_dir(out).with_context(|| out.display().to_string())?;
    write(out, "deltas", DELTAS, &rows.deltas, &metadata)?;
    write(out, "trades", TRADES, &rows.trades, &metadata)?;
    write(out, "markets", MARKETS, &markets, &metadata)?;
    let (deltas, trades, markets) = (rows.deltas.len(), rows.trades.len(), markets.len());
    Ok(Exported { deltas, trades, markets, ..rows.counts })
}

fn write<R>(
    out: &Path,
    name: &str,
    fields: &[Field<R>],
    rows: &[R],
    metadata: &[(&str, String)],
) -> anyhow::Result<()> {
    let path = out.join(format!("{name}.parquet"));
    let bytes = bytes(name, fields, rows, metadata)?;
    std::fs::write(&path, bytes).with_context(|| path.display().to_string())
}

/// The rows of a tape, while it is read.
struct Rows {
    tokens: TokenMap,
    /// Condition and tokens by market number.
    names: Vec<(Arc<str>, [Arc<str>; 2])>,
    deltas: Vec<Delta>,
    trades: Vec<TradeRow>,
    counts: Exported,
    seq: i64,
    frames: i64,
    events: Vec<MarketEvent>,
}

/// The values that all rows of an event share.
#[derive(Clone)]
struct Shared {
    frame: i64,
    recv_us: Option<i64>,
    venue_us: i64,
    condition: Arc<str>,
    token: Arc<str>,
    outcome: i64,
    inferred: bool,
}

impl Rows {
    fn new(tape: &Tape) -> anyhow::Result<Self> {
        let (mut tokens, mut names) = (TokenMap::default(), Vec::new());
        for ((condition, entry), number) in tape.manifest().markets.iter().zip(0u32..) {
            let market = MarketIx(number);
            let id = ConditionId::parse(condition).with_context(|| format!("market {condition:?}"))?;
            tokens.name_market(id, market);
            for (token, outcome) in entry.tokens.iter().zip(0u32..) {
                let id = TokenId::parse(token).with_context(|| format!("token {token:?}"))?;
                tokens.insert(&id, market.token(outcome))?;
            }
            let [first, second] = &entry.tokens;
            names.push((condition.as_str().into(), [first.as_str().into(), second.as_str().into()]));
        }
        let (deltas, trades, events) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { tokens, names, deltas, trades, counts: Exported::default(), seq: 0, frames: 0, events })
    }

    fn frame(&mut self, stamp: Stamp, origin: Origin, bytes: &[u8]) {
        let (mut elements, mut odd) = (Vec::new(), Vec::new());
        self.events.clear();
        let parsed = parse_elements(bytes, &self.tokens, &mut self.events, &mut elements, &mut odd);
        if parsed.is_err() || !odd.is_empty() {
            self.counts.unread = self.counts.unread.saturating_add(1);
        }
        let frame = self.frames;
        self.frames = frame.saturating_add(1);
        let extras = trade_extras(bytes);
        for event in std::mem::take(&mut self.events) {
            let outcome = usize::from(event.token.outcome() == 1);
            let Some((condition, tokens)) = self.names.get(event.token.market().index()) else { continue };
            let Some(token) = tokens.get(outcome) else { continue };
            let shared = Shared {
                frame,
                recv_us: stamp.received.then(|| i64::try_from(stamp.at_us).unwrap_or(i64::MAX)),
                venue_us: i64::try_from(event.venue_time.0).unwrap_or(i64::MAX),
                condition: condition.clone(),
                token: token.clone(),
                outcome: i64::from(event.token.outcome()),
                inferred: origin == Origin::Inferred,
            };
            self.event(&shared, &event.kind, &extras);
        }
    }

    fn event(&mut self, shared: &Shared, kind: &MarketEventKind, extras: &[(String, Option<i64>, Option<String>)]) {
        match kind {
            MarketEventKind::Book { bids, asks } => {
                self.delta(shared, "clear", None);
                for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
                    for Level { price, size } in levels {
                        self.delta(shared, "snapshot", Some((side, *price, *size)));
                    }
                }
            }
            MarketEventKind::Level { side, price, size } => self.delta(shared, "level", Some((*side, *price, *size))),
            MarketEventKind::Trade { side, price, size } => {
                let extra = extras.iter().find(|(token, ..)| **token == *shared.token);
                let seq = self.next();
                self.trades.push(TradeRow {
                    seq,
                    shared: shared.clone(),
                    side: *side,
                    price: *price,
                    size: *size,
                    fee_rate_micros: extra.and_then(|(_, fee, _)| *fee),
                    tx_hash: extra.and_then(|(.., hash)| hash.clone()),
                });
            }
            MarketEventKind::TickSize { .. } | MarketEventKind::Resolved { .. } => {
                self.counts.left_out = self.counts.left_out.saturating_add(1);
            }
            MarketEventKind::Unread { .. } => {}
        }
    }

    fn delta(&mut self, shared: &Shared, kind: &'static str, level: Option<(Side, Price, Size)>) {
        let seq = self.next();
        self.deltas.push(Delta { seq, shared: shared.clone(), kind, level });
    }

    const fn next(&mut self) -> i64 {
        self.seq = self.seq.saturating_add(1);
        self.seq
    }
}

/// Returns token, fee rate in millionths and transaction hash of each trade of a frame.
fn trade_extras(bytes: &[u8]) -> Vec<(String, Option<i64>, Option<String>)> {
    #[derive(serde::Deserialize)]
    struct Trade {
        asset_id: Option<String>,
        fee_rate_bps: Option<String>,
        transaction_hash: Option<String>,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Frame {
        Many(Vec<Trade>),
        One(Trade),
    }
    if !bytes.windows(18).any(|window| window == b"\"last_trade_price\"") {
        return Vec::new();
    }
    let trades = match serde_json::from_slice(bytes) {
        Ok(Frame::Many(trades)) => trades,
        Ok(Frame::One(trade)) => vec![trade],
        Err(_) => Vec::new(),
    };
    let extras = trades.into_iter().filter_map(|trade| {
        // A basis point is a hundred millionths.
        let fee = trade.fee_rate_bps.and_then(|bps| bps.parse::<i64>().ok()?.checked_mul(100));
        Some((trade.asset_id?, fee, trade.transaction_hash.filter(|hash| !hash.is_empty())))
    });
    extras.collect()
}
