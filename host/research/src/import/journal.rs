//! The journal of a session. A journal is not a tape: it has our parse of the market channel, not what the venue sent.
//! Its events are encoded as frames again and marked. Own orders and fills come from the engine, which is stepped through
//! the journal, so that a backtest can take them out of depth and trades.

use super::frames::{self, TextChange, TextLevel};
use super::sink::Sink;
use super::source::Source;
use anyhow::{Context, ensure};
use engine::{Effect, Effects, Engine, EngineEvent, Purpose};
use model::event::{MarketEvent, MarketEventKind};
use model::input::{Channel, Mode, Settlement};
use model::{Input, InputKind, Level, Market, OrderState, Side, Size, Usd};
use serde_json::json;
use std::path::{Path, PathBuf};
use store::journal_files::{Step, is_first, segments_of, walk};
use tape::manifest::MarketEntry;
use tape::record::{Cause, Origin};
use tape::{Record, Stamp};

/// Returns true if a file's name is that of a journal.
pub(super) fn is_journal(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".journal") || name.ends_with(".journal.gz")
}

/// Imports the session that a file belongs to, with all its files.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let files = files(&source.path)?;
    ensure!(
        files.first().is_some_and(|file| is_first(file)),
        "{}: the beginning of the session was deleted, expected its whole journal",
        source.path.display()
    );
    sink.manifest().origin = "journal".to_owned();
    sink.manifest().gaps_marked = true;
    let mut session =
        Session { engine: Engine::new(Purpose::Simulate), effects: Effects::new(), markets: Vec::new(), last_us: 0 };
    let mut failed = None;
    walk(&files, |step| {
        let done = match step {
            Step::Record(journal::Record::Input(input)) if failed.is_none() => session.input(&input, sink),
            Step::Torn { file, at } => {
                sink.report.issue("cut", 0, || format!("{} at byte {at}", file.display()));
                Ok(())
            }
            Step::Record(_) => Ok(()),
        };
        if let Err(error) = done {
            failed.get_or_insert(error);
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// Returns the files of the session that this one belongs to.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = path.file_name();
    let sessions = segments_of(folder).with_context(|| folder.display().to_string())?;
    let found = sessions.into_iter().find(|(_, files)| files.iter().any(|file| file.file_name() == name));
    let (_, files) = found.with_context(|| format!("{}: not the journal of a session", path.display()))?;
    Ok(files)
}

struct Session {
    engine: Engine,
    effects: Effects,
    markets: Vec<Market>,
    last_us: u64,
}

impl Session {
    fn input(&mut self, input: &Input, sink: &mut Sink) -> anyhow::Result<()> {
        sink.report.rows = sink.report.rows.saturating_add(1);
        let stamp = Stamp::received(input.at.0);
        match &input.kind {
            InputKind::Market(market) => {
                let listed_us = (!self.markets.is_empty()).then_some(input.at.0);
                sink.manifest().markets.insert(market.condition.to_string(), MarketEntry::of(market, listed_us));
                self.markets.push(market.clone());
                sink.report.wrote("market");
            }
            InputKind::Event(event) => self.event(stamp, event, sink)?,
            InputKind::Feed { channel: Channel::Market, up: false } => {
                let (cause, since_us, markets) = (Cause::Disconnected, self.last_us, Vec::new());
                sink.record(&Record::Gap { stamp, cause, since_us, markets })?;
            }
            _ => {}
        }
        self.engine.step(input, &mut self.effects);
        // Paper orders were not in the venue's books.
        if self.engine.mode() == Mode::Paper {
            return Ok(());
        }
        let effects: Vec<Effect> = self.effects.drain(..).collect();
        effects.iter().try_for_each(|effect| self.own(stamp, effect, sink))
    }

    /// Writes a market event as the frame that it came from.
    fn event(&mut self, stamp: Stamp, event: &MarketEvent, sink: &mut Sink) -> anyhow::Result<()> {
        self.last_us = stamp.at_us;
        let Some(market) = self.markets.get(event.token.market().index()) else { return Ok(()) };
        let Some(token) = market.tokens.get(usize::from(event.token.outcome() == 1)) else { return Ok(()) };
        let (condition, token, time_ms) = (market.condition, token.to_string(), event.venue_time.millis());
        let levels = |levels: &[Level]| -> Vec<TextLevel> {
            let text = |level: &Level| TextLevel { price: level.price.to_string(), size: level.size.to_string() };
            levels.iter().map(text).collect()
        };
        let (kind, bytes) = match &event.kind {
            MarketEventKind::Book { bids, asks } => {
                ("book", frames::book(condition, &token, time_ms, "", &levels(bids), &levels(asks))?)
            }
            MarketEventKind::Level { side, price, size } => {
                let side = if *side == Side::Buy { "BUY" } else { "SELL" };
                let (price, size, hash) = (price.to_string(), size.to_string(), String::new());
                let change = TextChange { asset_id: token, price, size, side, hash };
                ("price_change", frames::changes(condition, time_ms, &[change])?)
            }
            MarketEventKind::Trade { side, price, size } => {
                let (side, price, size) = (side.to_string(), price.to_string(), size.to_string());
                ("trade", frames::trade(condition, &token, time_ms, &side, &price, &size)?)
            }
            MarketEventKind::TickSize { tick } => {
                let frame = json!({
                    "event_type": "tick_size_change", "market": condition.to_string(), "asset_id": token,
                    "old_tick_size": "", "new_tick_size": tick.to_string(), "timestamp": time_ms.to_string(),
                });
                ("tick_size", serde_json::to_vec(&frame)?)
            }
            MarketEventKind::Resolved { pays } if *pays == Usd::dollars(1) => {
                let frame = json!({
                    "event_type": "market_resolved", "market": condition.to_string(),
                    "assets_ids": market.tokens.map(|token| token.to_string()), "winning_asset_id": token,
                    "timestamp": time_ms.to_string(),
                });
                ("resolved", serde_json::to_vec(&frame)?)
            }
            // The winner's event gives both.
            MarketEventKind::Resolved { pays } if *pays == Usd::ZERO => return Ok(()),
            MarketEventKind::Resolved { .. } => {
                sink.report.issue("without_winner", 0, || market.slug.clone());
                return Ok(());
            }
            MarketEventKind::Unread { .. } => return sink.gap(stamp, Cause::Damaged, vec![condition]),
        };
        sink.frame(kind, stamp, Origin::Reencoded, bytes)
    }

    fn own(&self, stamp: Stamp, effect: &Effect, sink: &mut Sink) -> anyhow::Result<()> {
        let token_of = |token: model::TokenIx| {
            let market = self.markets.get(token.market().index())?;
            market.tokens.get(usize::from(token.outcome() == 1)).copied()
        };
        match effect {
            Effect::Event(EngineEvent::Order { order, state, filled, .. }) if order.kind.rests() => {
                let rests = matches!(state, OrderState::Live | OrderState::PartlyFilled);
                // The venue has not confirmed it, or it may be live.
                if matches!(state, OrderState::Pending | OrderState::Unknown) {
                    return Ok(());
                }
                let Some(token) = token_of(order.token) else { return Ok(()) };
                let open = if rests { order.size.saturating_sub(*filled) } else { Size::ZERO };
                let mut id = [0; 32];
                if let Some(place) = id.last_chunk_mut() {
                    *place = order.id.0.to_be_bytes();
                }
                let (side, price) = (order.side, order.price);
                sink.record(&Record::OwnOrder { stamp, token, side, price, open, order: id })
            }
            Effect::Event(EngineEvent::Fill { token, side, price, size, maker, settlement, .. })
                if *settlement == Settlement::Matched =>
            {
                let Some(token) = token_of(*token) else { return Ok(()) };
                let (side, price, size, maker) = (*side, *price, *size, *maker);
                sink.record(&Record::OwnFill { stamp, token, side, price, size, maker })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code may fail loudly")]

    use crate::dataset;
    use crate::events::{EventSource, TapeEventKind};
    use crate::import::{ImportOptions, import};
    use journal::{Header, Record, encode};
    use model::event::{MarketEvent, MarketEventKind};
    use model::input::Channel;
    use model::{InputKind, Level, Market, MarketIx, Price, SessionId, Side, Size, Time};
    use testkit::Scratch;

    const START: u64 = 1_795_424_400_000_000;

    #[test]
    fn a_journal_becomes_a_tape_with_the_events_that_the_engine_saw() {
        let dir = Scratch::new("import-journal");
        let market = Market::synthetic(1);
        let price = |text: &str| Price::parse(text).unwrap();
        let event = |outcome: u32, at: u64, kind: MarketEventKind| {
            InputKind::Event(MarketEvent { token: MarketIx(0).token(outcome), venue_time: Time(START + at), kind })
        };
        let level = Level { price: price("0.40"), size: Size::shares(10) };
        let book = MarketEventKind::Book { bids: vec![level], asks: Vec::new() };
        let change = MarketEventKind::Level { side: Side::Sell, price: price("0.45"), size: Size(5_500_000) };
        let trade = MarketEventKind::Trade { side: Side::Buy, price: price("0.55"), size: Size::shares(2) };
        let inputs = [
            InputKind::Market(market.clone()),
            event(0, 1_000, book.clone()),
            event(0, 2_000, change.clone()),
            event(1, 3_000, trade.clone()),
            InputKind::Feed { channel: Channel::Market, up: false },
        ];
        let header = Header {
            build: "test".to_owned(),
            session: SessionId(START),
            segment: 1,
            account: "00".to_owned(),
            follows: None,
            config: [1; 32],
            sandbox: [2; 32],
            created: Time(START),
        };
        let mut bytes = journal::MAGIC.to_vec();
        encode(&Record::Header(header), &mut bytes).unwrap();
        for (seq, kind) in (1u64..).zip(inputs) {
            encode(&Record::Input(testkit::input(seq, Time(START + seq * 1_000_000), kind)), &mut bytes).unwrap();
        }
        let path = dir.join(format!("{START}-1.journal"));
        std::fs::write(&path, bytes).unwrap();

        let out = dir.join("a.tape");
        let report = import(&[path], &out, &ImportOptions::default()).unwrap();
        assert_eq!(report.files[0].records_of("book"), 1, "{report}");
        let mut dataset = dataset::open(&[out], None, None).unwrap();
        let mut kinds = Vec::new();
        while let Some(event) = dataset.next_event().unwrap() {
            kinds.push(event);
        }
        let TapeEventKind::Listed(listed) = &kinds[0].kind else { panic!("{kinds:?}") };
        assert_eq!((&listed.market, listed.fee_known), (&market, true));
        let first: Vec<_> = kinds
            .iter()
            .flat_map(|event| event.kind.market_events().map(move |inner| (event, inner)))
            .map(|(event, inner)| (inner.token.outcome(), event.received_at, inner.kind))
            .filter(|(outcome, _, kind)| *outcome == 0 || matches!(kind, MarketEventKind::Trade { .. }))
            .collect();
        let at = |seq: u64| Some(Time(START + seq * 1_000_000));
        assert_eq!(first, [(0, at(2), book), (0, at(3), change), (1, at(4), trade)]);
        assert!(matches!(kinds.last().unwrap().kind, TapeEventKind::Blind { .. }));
    }
}
