//! Builds the cache of a tape: frames through the venue's parser, one canonical book per market, and counts of what is
//! wrong.

use super::book::Canon;
use super::cache::Footer;
use super::codec::Parsed;
use super::mirror::Mirrors;
use super::own::{OwnDepth, OwnTrades};
use super::{SILENCE_US, grid, markets};
use crate::events::{GapCause, TapeEventKind, mirrored_kind};
use model::event::{MarketEvent, MarketEventKind};
use model::{ConditionId, MarketIx, Price, Side, Signal, Size, TickSize, Time, TokenId, TokenIx};
use polymarket::TokenMap;
use polymarket::parse::{Element, Odd, parse_elements};
use std::collections::{BTreeMap, VecDeque};
use tape::record::{Cause, Origin};
use tape::{Record, Stamp, Step, Tape};

/// Trades that are kept to recognise the mirrored report of the same transaction.
const TRADES_KEPT: usize = 256;

/// Reads the whole tape and passes on each frame that has events.
pub(super) fn build(tape: &Tape, mut out: impl FnMut(&Parsed) -> anyhow::Result<()>) -> anyhow::Result<Footer> {
    let mut builder = Builder::new(tape)?;
    builder.prepare(tape)?;
    let mut records = tape.records()?;
    while let Some(step) = records.step()? {
        match step {
            Step::Record(at_us, record) => builder.record(at_us, record),
            Step::Damaged(_) => builder.damaged(),
        }
        if !builder.frame.kinds.is_empty() {
            out(&builder.frame)?;
            let Parsed { order_us, venue_us, received_us, .. } = builder.frame;
            let late = order_us.max(received_us.unwrap_or(0)).saturating_sub(venue_us);
            builder.footer.late_us = builder.footer.late_us.max(late);
            builder.footer.events =
                builder.footer.events.saturating_add(u64::try_from(builder.frame.kinds.len()).unwrap_or(u64::MAX));
            builder.frame.kinds.clear();
        }
    }
    Ok(builder.finish())
}

/// The state of one market.
#[derive(Debug)]
struct State {
    /// Outcome of the token whose frames make the book; the first one, unless only the second has books.
    canonical: u32,
    /// Outcomes with a book somewhere in the tape.
    has_books: [bool; 2],
    book: Canon,
    is_known: bool,
    tick: TickSize,
    last_us: Option<u64>,
    venue_us: u64,
    digests: [u64; 2],
    mirrors: Mirrors,
    trades: VecDeque<(String, u32, Price, Size)>,
}

struct Builder {
    tokens: TokenMap,
    conditions: BTreeMap<ConditionId, MarketIx>,
    ids: BTreeMap<TokenId, TokenIx>,
    states: Vec<State>,
    gaps_marked: bool,
    own: OwnDepth,
    own_trades: OwnTrades,
    footer: Footer,
    frame: Parsed,
    at_us: u64,
    events: Vec<MarketEvent>,
    elements: Vec<Element>,
    odd: Vec<Odd>,
}

impl Builder {
    fn new(tape: &Tape) -> anyhow::Result<Self> {
        let manifest = tape.manifest();
        let mut builder = Self {
            tokens: TokenMap::default(),
            conditions: BTreeMap::new(),
            ids: BTreeMap::new(),
            states: Vec::new(),
            gaps_marked: manifest.gaps_marked,
            own: OwnDepth::default(),
            own_trades: OwnTrades::default(),
            footer: Footer::default(),
            frame: Parsed::default(),
            at_us: 0,
            events: Vec::new(),
            elements: Vec::new(),
            odd: Vec::new(),
        };
        for ((condition, entry), number) in manifest.markets.iter().zip(0u32..) {
            let (id, tokens) = markets::ids(condition, entry)?;
            let market = MarketIx(number);
            builder.tokens.name_market(id, market);
            builder.conditions.insert(id, market);
            for (token, outcome) in tokens.iter().zip(0u32..) {
                builder.tokens.insert(token, market.token(outcome))?;
                builder.ids.insert(*token, market.token(outcome));
            }
            builder.states.push(State {
                canonical: 0,
                has_books: [false, false],
                book: Canon::default(),
                is_known: false,
                tick: markets::tick(entry).0,
                last_us: None,
                venue_us: 0,
                digests: [0, 0],
                mirrors: Mirrors::default(),
                trades: VecDeque::new(),
            });
        }
        builder.footer.first_us = vec![None; builder.states.len()];
        Ok(builder)
    }

    /// Reads ahead: the token that each market's book is made from, and the recording account's fills.
    fn prepare(&mut self, tape: &Tape) -> anyhow::Result<()> {
        let count = |kind: &str| tape.manifest().counts.get(kind).copied().unwrap_or(0);
        let few = tape.is_closed() && count("own_fill") == 0 && count("own_order") == 0;
        let mut open = self.states.len();
        let mut records = tape.records()?;
        while let Some(step) = records.step()? {
            match step {
                Step::Record(_, Record::Frame { bytes, .. }) if open > 0 && contains(&bytes, b"\"book\"") => {
                    self.parse(&bytes);
                    for event in std::mem::take(&mut self.events) {
                        if matches!(event.kind, MarketEventKind::Book { .. })
                            && let Some(state) = self.states.get_mut(event.token.market().index())
                            && let Some(seen) = state.has_books.get_mut(event.token.outcome_index())
                        {
                            open = open.saturating_sub(usize::from(event.token.outcome() == 0 && !*seen));
                            *seen = true;
                        }
                    }
                }
                Step::Record(_, Record::OwnOrder { .. }) => self.own.watch(),
                // The taker of a trade with a resting own order was another trader.
                Step::Record(_, Record::OwnFill { stamp, token, price, size, maker: false, .. }) => {
                    if let Some(token) = self.ids.get(&token).copied() {
                        let price = first_price(token, price);
                        self.own_trades.add(stamp.at_us, token.market().0, price, size);
                    }
                }
                _ => {}
            }
            if few && open == 0 {
                break;
            }
        }
        for state in &mut self.states {
            state.canonical = u32::from(state.has_books == [false, true]);
        }
        Ok(())
    }

    /// Parses a frame into `events`; false if it is torn.
    fn parse(&mut self, bytes: &[u8]) -> bool {
        self.events.clear();
        let parsed = parse_elements(bytes, &self.tokens, &mut self.events, &mut self.elements, &mut self.odd);
        parsed.is_ok()
    }

    fn record(&mut self, at_us: u64, record: Record) {
        self.at_us = at_us;
        self.footer.span = Some((self.footer.span.map_or(at_us, |(first, _)| first), at_us));
        let stamp = record.stamp();
        let received_us = stamp.received.then_some(stamp.at_us);
        self.frame.order_us = at_us;
        (self.frame.venue_us, self.frame.received_us) = (stamp.at_us, received_us);
        match record {
            Record::Frame { stamp, origin, bytes, .. } => self.bytes(stamp, origin, &bytes),
            Record::Gap { cause, markets, .. } => {
                let cause = gap_cause(cause);
                let all = markets.is_empty();
                let known: Vec<MarketIx> =
                    markets.iter().filter_map(|market| self.conditions.get(market).copied()).collect();
                if all || !known.is_empty() {
                    self.blind(known, cause);
                }
            }
            Record::Signal { source_us, name, value, .. } => {
                self.frame.venue_us = source_us;
                self.frame.kinds.push(TapeEventKind::Signal(Box::new(Signal { name, value })));
            }
            Record::Closed { market, .. } => {
                if let Some(market) = self.conditions.get(&market).copied() {
                    self.frame.kinds.push(TapeEventKind::Closed { market });
                }
            }
            Record::OwnOrder { token, side, price, open, order, .. } => self.own_order(token, side, price, open, order),
            Record::OwnFill { .. } => {}
        }
    }

    fn damaged(&mut self) {
        self.footer.quality.count("damaged_frame", self.at_us);
        self.frame.order_us = self.at_us;
        (self.frame.venue_us, self.frame.received_us) = (self.at_us, None);
        self.blind(Vec::new(), GapCause::Damaged);
    }

    fn blind(&mut self, markets: Vec<MarketIx>, cause: GapCause) {
        self.footer.quality.count("gap", self.at_us);
        if markets.is_empty() {
            self.states.iter_mut().for_each(|state| state.is_known = false);
        }
        for market in &markets {
            if let Some(state) = self.states.get_mut(market.index()) {
                state.is_known = false;
            }
        }
        self.frame.kinds.push(TapeEventKind::Blind { markets, cause });
    }

    fn bytes(&mut self, stamp: Stamp, origin: Origin, bytes: &[u8]) {
        if !self.parse(bytes) {
            self.footer.quality.count("torn_frame", self.at_us);
            return self.blind(Vec::new(), GapCause::Damaged);
        }
        self.footer.quality.add("unread_part", u64::try_from(self.odd.len()).unwrap_or(0), self.at_us);
        if self.events.is_empty() {
            return;
        }
        let (events, elements) = (std::mem::take(&mut self.events), std::mem::take(&mut self.elements));
        let first = events.first().map_or(Time(0), |event| event.venue_time);
        self.frame.venue_us = if first.0 == 0 { stamp.at_us } else { first.0 };
        let hashes = if contains(bytes, b"\"transaction_hash\"") { transactions(bytes) } else { Vec::new() };
        let mut begin = 0;
        for element in &elements {
            let part = events.get(begin..element.end).unwrap_or_default();
            begin = element.end;
            self.element(part, element.digest, origin, &hashes);
        }
        (self.events, self.elements) = (events, elements);
    }

    fn element(&mut self, events: &[MarketEvent], digest: u64, origin: Origin, hashes: &[(TokenId, String)]) {
        let Some(first) = events.first() else { return };
        let mut markets: Vec<MarketIx> = events.iter().map(|event| event.token.market()).collect();
        markets.dedup();
        let Some(state) = self.states.get_mut(first.token.market().index()) else { return };
        if let Some(last) = state.digests.get_mut(first.token.outcome_index()) {
            if *last == digest {
                return self.footer.quality.count("duplicate", self.at_us);
            }
            *last = digest;
        }
        for market in &markets {
            self.touch(*market, first.venue_time.0);
            let Some(state) = self.states.get_mut(market.index()) else { continue };
            for outcome in [0, 1] {
                let theirs: Vec<MarketEvent> =
                    events.iter().filter(|event| event.token == market.token(outcome)).cloned().collect();
                state.mirrors.add(self.at_us, outcome, &theirs);
            }
        }
        for event in events {
            self.event(event, origin, hashes);
        }
        for market in markets {
            let crossed =
                self.states.get(market.index()).is_some_and(|state| state.is_known && state.book.is_crossed());
            if crossed && events.iter().any(|event| self.is_canonical(event)) {
                self.footer.quality.count("crossed", self.at_us);
            }
        }
    }

    fn is_canonical(&self, event: &MarketEvent) -> bool {
        self.states.get(event.token.market().index()).is_some_and(|state| state.canonical == event.token.outcome())
    }

    /// Notes a sign of life of a market.
    fn touch(&mut self, market: MarketIx, venue_us: u64) {
        let Some(state) = self.states.get_mut(market.index()) else { return };
        if let Some(first) = self.footer.first_us.get_mut(market.index()) {
            first.get_or_insert(self.at_us);
        }
        let silence = state.last_us.map_or(0, |last| self.at_us.saturating_sub(last));
        if silence > SILENCE_US && !self.gaps_marked {
            self.footer.quality.count("gap", self.at_us);
        }
        state.last_us = Some(self.at_us);
        if venue_us < state.venue_us {
            self.footer.quality.count("unsorted", self.at_us);
        }
        state.venue_us = state.venue_us.max(venue_us);
    }

    fn event(&mut self, event: &MarketEvent, origin: Origin, hashes: &[(TokenId, String)]) {
        let market = event.token.market();
        let Some(state) = self.states.get_mut(market.index()) else { return };
        let is_canonical = state.canonical == event.token.outcome();
        let kind = if event.token.outcome() == 0 { Some(event.kind.clone()) } else { mirrored_kind(&event.kind) };
        match (&event.kind, kind) {
            (MarketEventKind::Book { .. } | MarketEventKind::Level { .. }, Some(kind)) => {
                if is_canonical {
                    self.depth(market, event.venue_time, kind);
                }
            }
            (MarketEventKind::TickSize { tick }, _) => {
                if state.tick != *tick {
                    state.tick = *tick;
                    self.push(market.token(0), event.venue_time, event.kind.clone());
                }
            }
            (MarketEventKind::Unread { grid }, _) => {
                if is_canonical || *grid {
                    self.push(market.token(0), event.venue_time, event.kind.clone());
                }
            }
            (MarketEventKind::Trade { side, price, size }, _) => {
                let trade = (*side, *price, *size);
                self.trade(event, trade, origin, hashes);
            }
            (MarketEventKind::Resolved { .. }, _) => {
                self.push(event.token, event.venue_time, event.kind.clone());
            }
            (_, None) => {}
        }
    }

    /// Applies a book or a level, as seen from the first token.
    fn depth(&mut self, market: MarketIx, at: Time, mut kind: MarketEventKind) {
        let Some(state) = self.states.get_mut(market.index()) else { return };
        let finer = grid::finer(state.tick, &kind);
        if let Some(tick) = finer {
            state.tick = tick;
            self.footer.quality.count("tick_inferred", self.at_us);
        } else if !grid::on(state.tick, &kind) {
            self.footer.quality.count("off_grid", self.at_us);
        }
        match &mut kind {
            MarketEventKind::Book { bids, asks } => {
                // A first book is not a change.
                let watched = self.own.is_watched();
                let before = watched.then(|| if state.is_known { state.book.clone() } else { Canon::default() });
                let was_known = std::mem::replace(&mut state.is_known, true);
                state.book.replace(bids, asks);
                if let Some(before) = before {
                    for (side, price, old, new) in before.changes(&state.book).filter(|_| was_known) {
                        self.own.on_level((market.0, side, price), self.at_us, (old, new));
                    }
                    for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
                        for level in levels.iter_mut() {
                            level.size = self.own.others((market.0, side, level.price), level.size);
                        }
                        levels.retain(|level| !level.size.is_zero());
                    }
                }
            }
            MarketEventKind::Level { side, price, size } => {
                // They are left out on reading, unless an earlier tape has the book.
                if !state.is_known {
                    self.footer.quality.count("before_book", self.at_us);
                }
                let (place, before) = ((market.0, *side, *price), state.book.size(*side, *price));
                state.book.set(*side, *price, *size);
                self.own.on_level(place, self.at_us, (before, *size));
                *size = self.own.others(place, *size);
            }
            _ => {}
        }
        if let Some(tick) = finer {
            self.push(market.token(0), at, MarketEventKind::TickSize { tick });
        }
        self.push(market.token(0), at, kind);
    }

    fn trade(
        &mut self,
        event: &MarketEvent,
        (side, price, size): (Side, Price, Size),
        origin: Origin,
        hashes: &[(TokenId, String)],
    ) {
        let market = event.token.market();
        let first = first_price(event.token, price);
        let hash = hashes.iter().find(|(token, _)| self.ids.get(token) == Some(&event.token));
        if let (Some((_, hash)), Some(state)) = (hash, self.states.get_mut(market.index())) {
            let other = 1u32.saturating_sub(event.token.outcome());
            let mirror = (hash.clone(), other, first, size);
            if let Some(place) = state.trades.iter().position(|trade| *trade == mirror) {
                state.trades.remove(place);
                return self.footer.quality.count("mirrored_trade", self.at_us);
            }
            state.trades.push_back((hash.clone(), event.token.outcome(), first, size));
            if state.trades.len() > TRADES_KEPT {
                state.trades.pop_front();
            }
        }
        if origin == Origin::Inferred {
            self.footer.quality.count("inferred_trade", self.at_us);
        }
        let left = self.own_trades.others(self.at_us, market.0, first, size);
        if left < size {
            self.footer.quality.count("own_trade", self.at_us);
        }
        if !left.is_zero() || size.is_zero() {
            self.push(event.token, event.venue_time, MarketEventKind::Trade { side, price, size: left });
        }
    }

    fn own_order(&mut self, token: TokenId, side: Side, price: Price, open: Size, order: [u8; 32]) {
        let Some(token) = self.ids.get(&token).copied() else { return };
        let side = if token.outcome() == 0 { side } else { side.opposite() };
        let market = token.market();
        self.footer.quality.count("own_order", self.at_us);
        let place = self.own.set(order, (market.0, side, first_price(token, price)), open, self.at_us);
        let Some(state) = self.states.get(market.index()).filter(|state| state.is_known) else { return };
        let Some(place) = place else { return };
        let size = self.own.others(place, state.book.size(place.1, place.2));
        let kind = MarketEventKind::Level { side: place.1, price: place.2, size };
        self.push(market.token(0), Time(self.frame.venue_us), kind);
    }

    fn push(&mut self, token: TokenIx, venue_time: Time, kind: MarketEventKind) {
        self.frame.kinds.push(TapeEventKind::market(MarketEvent { token, venue_time, kind }, false));
    }

    fn finish(mut self) -> Footer {
        for state in self.states {
            let ([first, second], at_us) = state.mirrors.finish();
            let (mine, other) = if state.canonical == 0 { (first, second) } else { (second, first) };
            self.footer.quality.add("mirror_missing", mine, at_us);
            self.footer.quality.add("mirror_differs", other, at_us);
        }
        self.footer
    }
}

/// Returns a price of a token as one of its market's first token.
const fn first_price(token: TokenIx, price: Price) -> Price {
    if token.outcome() == 0 { price } else { price.complement() }
}

const fn gap_cause(cause: Cause) -> GapCause {
    match cause {
        Cause::Disconnected => GapCause::Disconnected,
        Cause::Dropped => GapCause::Dropped,
        Cause::Damaged => GapCause::Damaged,
        Cause::Stopped => GapCause::Stopped,
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

/// Returns the transaction hash of each trade of a frame, with its token.
fn transactions(bytes: &[u8]) -> Vec<(TokenId, String)> {
    #[derive(serde::Deserialize)]
    struct Trade {
        asset_id: Option<String>,
        transaction_hash: Option<String>,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Frame {
        Many(Vec<Trade>),
        One(Trade),
    }
    let trades = match serde_json::from_slice(bytes) {
        Ok(Frame::Many(trades)) => trades,
        Ok(Frame::One(trade)) => vec![trade],
        Err(_) => Vec::new(),
    };
    let named = trades.into_iter().filter_map(|trade| {
        let hash = trade.transaction_hash.filter(|hash| !hash.is_empty())?;
        Some((TokenId::parse(&trade.asset_id?)?, hash))
    });
    named.collect()
}

trait OutcomeIndex {
    fn outcome_index(self) -> usize;
}

impl OutcomeIndex for TokenIx {
    fn outcome_index(self) -> usize {
        usize::from(self.outcome() == 1)
    }
}
