//! The caches of several tapes as one source of events: merged by order of receipt, with the listings, silences and
//! derived events of second tokens that the caches do not contain.

use super::cache::Cache;
use super::codec::FrameHead;
use super::markets::{self, DatasetMarket};
use super::{Quality, SILENCE_US};
use crate::events::{EventSource, GapCause, Hindsight, LevelChange, TapeEvent, TapeEventKind, Terms};
use crate::run::TapeDescription;
use anyhow::{Context, ensure};
use model::event::{MarketEvent, MarketEventKind};
use model::{ConditionId, MarketIx, Time};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::path::PathBuf;
use tape::Manifest;

/// An opened tape.
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) cache: Cache,
}

/// One or several tapes as one source of events.
#[derive(Debug)]
pub struct Dataset {
    readers: Vec<Reader>,
    descriptions: Vec<TapeDescription>,
    markets: Vec<DatasetMarket>,
    hindsight: Vec<Hindsight>,
    terms: Terms,
    states: Vec<State>,
    /// Number of markets listed so far, and the time of each listing.
    listed: usize,
    listings_us: Vec<u64>,
    /// Times at which markets are unknown if nothing arrives, earliest first.
    silences: BinaryHeap<Reverse<(u64, u32)>>,
    /// True if every tape marks its gaps.
    gaps_marked: bool,
    from_us: u64,
    to_us: u64,
    /// True if the last frame had a time of receipt.
    received: bool,
    frame: u64,
    /// Events of the last frame that [`EventSource::next_event`] has not returned yet.
    out: VecDeque<TapeEvent>,
    /// No listing or silence comes before a frame of an earlier time.
    due_us: u64,
}

#[derive(Debug)]
struct Reader {
    cache: Cache,
    /// The dataset's numbers of the tape's markets.
    markets: Vec<MarketIx>,
    /// The next frame, whose events are not read yet.
    next: FrameHead,
    /// True if there is no next frame.
    ended: bool,
}

/// The state of a market while it is read.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    last_us: u64,
    is_watched: bool,
    is_over: bool,
    has_book: bool,
}

impl Dataset {
    pub(super) fn new(parts: Vec<Part>, from: Option<Time>, to: Option<Time>) -> anyhow::Result<Self> {
        let (from_us, to_us) = (from.map_or(0, |at| at.0), to.map_or(u64::MAX, |at| at.0));
        let mut manifest = Manifest::default();
        let mut firsts: BTreeMap<String, u64> = BTreeMap::new();
        let mut owners: BTreeMap<String, (usize, [String; 2])> = BTreeMap::new();
        let gaps_marked = parts.iter().all(|part| part.manifest.gaps_marked);
        for (part, number) in parts.iter().zip(0usize..) {
            for ((condition, entry), first) in part.manifest.markets.iter().zip(&part.cache.footer.first_us) {
                if let Some(first) = first {
                    let known = firsts.entry(condition.clone()).or_insert(*first);
                    *known = (*known).min(*first);
                }
                let (owner, tokens) = owners.entry(condition.clone()).or_insert((number, entry.tokens.clone()));
                let earlier = parts.get(*owner).map(|part| part.path.display().to_string()).unwrap_or_default();
                let path = part.path.display();
                ensure!(
                    *tokens == entry.tokens,
                    "{path}: market {condition} has other tokens or another order of them than in {earlier}"
                );
            }
            manifest.merge(part.manifest.clone());
        }
        let begin = parts.iter().filter_map(|part| part.cache.footer.span).map(|(first, _)| first).min();
        let numbered = numbered(&manifest, &firsts, begin.unwrap_or(0))?;
        let numbers: BTreeMap<ConditionId, MarketIx> =
            numbered.iter().zip(0u32..).map(|((_, m), ix)| (m.listed.market.condition, MarketIx(ix))).collect();
        let descriptions = parts.iter().map(describe).collect();
        let mut readers = Vec::with_capacity(parts.len());
        for part in parts {
            let ids = part.manifest.markets.keys().map(|id| ConditionId::parse(id).and_then(|id| numbers.get(&id)));
            let markets =
                ids.map(|ix| ix.copied().context("a market without number")).collect::<anyhow::Result<_>>()?;
            let mut reader = Reader { cache: part.cache, markets, next: FrameHead::default(), ended: false };
            reader.cache.skip_to(from_us)?;
            reader.advance(from_us)?;
            readers.push(reader);
        }
        let (listings_us, markets): (Vec<u64>, Vec<DatasetMarket>) = numbered.into_iter().unzip();
        Ok(Self {
            readers,
            descriptions,
            states: vec![State::default(); markets.len()],
            markets,
            hindsight: markets::hindsight(&manifest),
            terms: markets::terms(&manifest),
            listed: 0,
            listings_us,
            silences: BinaryHeap::new(),
            gaps_marked,
            from_us,
            to_us,
            received: false,
            frame: 0,
            out: VecDeque::new(),
            due_us: 0,
        })
    }

    /// Returns the descriptions of the tapes, in the order of the paths.
    pub fn descriptions(&self) -> &[TapeDescription] {
        &self.descriptions
    }

    /// Returns the markets by their numbers, also those that are listed later than the span.
    pub fn markets(&self) -> &[DatasetMarket] {
        &self.markets
    }

    /// Appends the next events, until there are `count` or another tape's are next; false at the end.
    fn fill(&mut self, out: &mut VecDeque<TapeEvent>, count: usize) -> anyhow::Result<bool> {
        let Some((place, until_us)) = self.earliest() else { return Ok(false) };
        if self.readers.get(place).is_none_or(|reader| reader.next.order_us >= self.to_us) {
            return Ok(false);
        }
        // Another tape may still have a frame before `to_us` where this one has none.
        let until_us = until_us.min(self.to_us);
        while out.len() < count {
            let Some(reader) = self.readers.get(place).filter(|reader| !reader.ended) else { break };
            let at_us = reader.next.order_us;
            if at_us >= until_us {
                break;
            }
            if at_us < self.due_us || !self.before(at_us, out) {
                self.read_frame(place, out)?;
            }
        }
        Ok(true)
    }

    /// Reads the events of a reader's next frame.
    #[inline]
    fn read_frame(&mut self, place: usize, out: &mut VecDeque<TapeEvent>) -> anyhow::Result<()> {
        let Some(frame) = self.readers.get(place).map(|reader| reader.next) else { return Ok(()) };
        self.received = frame.received_us.is_some();
        let (venue_at, received_at) = (Time(frame.venue_us), frame.received_us.map(Time));
        for _ in 0..frame.events {
            let Some(reader) = self.readers.get_mut(place) else { return Ok(()) };
            // Written apart, so that a level is not moved from place to place.
            if let Some(change) = reader.cache.level(&frame)? {
                if let Some(change) = self.renumbered_level(place, frame.order_us, change) {
                    let kind = TapeEventKind::Level(change);
                    out.push_back(TapeEvent { frame: self.frame, venue_at, received_at, kind });
                }
                continue;
            }
            let kind = reader.cache.event(&frame)?;
            if let Some(kind) = self.renumbered(place, frame.order_us, kind) {
                out.push_back(TapeEvent { frame: self.frame, venue_at, received_at, kind });
            }
        }
        self.frame = self.frame.saturating_add(1);
        if let Some(reader) = self.readers.get_mut(place) {
            reader.ended = !reader.cache.next(&mut reader.next)?;
        }
        Ok(())
    }

    /// Returns the reader with the earliest frame, and the time from which another one's is earlier; `None` at the end.
    fn earliest(&self) -> Option<(usize, u64)> {
        let waiting = (0usize..).zip(&self.readers).filter(|(_, reader)| !reader.ended);
        let waiting = waiting.map(|(place, reader)| (reader.next.order_us, place));
        let (_, first) = waiting.clone().min()?;
        // Of frames at the same time, that of the first reader is first.
        let others = waiting.filter(|(_, place)| *place != first);
        let until = others.map(|(at, place)| if place < first { at } else { at.saturating_add(1) }).min();
        Some((first, until.unwrap_or(u64::MAX)))
    }

    /// Makes the listing or silence that comes before a frame at this time; false if there is none.
    fn before(&mut self, at_us: u64, out: &mut VecDeque<TapeEvent>) -> bool {
        let listing = self.listings_us.get(self.listed).map(|at| (*at).max(self.from_us)).filter(|at| *at <= at_us);
        let silence = self.silences.peek().map(|Reverse((at, _))| *at).filter(|at| *at < at_us);
        match (listing, silence) {
            (None, None) => {
                let silence = self.silences.peek().map(|Reverse((at, _))| at.saturating_add(1));
                let next = self.listings_us.get(self.listed).copied().into_iter().chain(silence).min();
                self.due_us = next.unwrap_or(u64::MAX);
                false
            }
            (Some(at), silence) if silence.is_none_or(|silence| at <= silence) => {
                if let Some(market) = self.markets.get(self.listed) {
                    let kind = TapeEventKind::Listed(Box::new(market.listed.clone()));
                    self.push(Time(at), kind, out);
                }
                self.listed = self.listed.saturating_add(1);
                true
            }
            _ => {
                self.silence(out);
                true
            }
        }
    }

    /// Handles the earliest deadline of a silence.
    fn silence(&mut self, out: &mut VecDeque<TapeEvent>) {
        let Some(Reverse((at_us, number))) = self.silences.pop() else { return };
        let market = MarketIx(number);
        let Some(state) = self.states.get_mut(market.index()) else { return };
        state.is_watched = false;
        if state.is_over {
            return;
        }
        let due = state.last_us.saturating_add(SILENCE_US);
        if due > at_us {
            state.is_watched = true;
            return self.watch_silence(due, market);
        }
        self.push(Time(at_us), TapeEventKind::Blind { markets: vec![market], cause: GapCause::Silence }, out);
    }

    /// Notes the time at which a market is unknown if nothing arrives.
    fn watch_silence(&mut self, due_us: u64, market: MarketIx) {
        self.due_us = self.due_us.min(due_us);
        self.silences.push(Reverse((due_us, market.0)));
    }

    /// Adds an event that is not in a frame of the venue.
    fn push(&mut self, at: Time, kind: TapeEventKind, out: &mut VecDeque<TapeEvent>) {
        let received_at = self.received.then_some(at);
        out.push_back(TapeEvent { frame: self.frame, venue_at: at, received_at, kind });
        self.frame = self.frame.saturating_add(1);
    }

    /// Returns an event of a frame with the market numbers of the dataset; `None` if the event is left out.
    fn renumbered(&mut self, place: usize, order_us: u64, kind: TapeEventKind) -> Option<TapeEventKind> {
        let reader = self.readers.get(place)?;
        let run = |market: MarketIx| reader.markets.get(market.index()).copied();
        Some(match kind {
            TapeEventKind::Level(change) => TapeEventKind::Level(self.renumbered_level(place, order_us, change)?),
            TapeEventKind::Market(event) | TapeEventKind::Both(event) => {
                let market = run(event.token.market())?;
                let state = self.states.get_mut(market.index())?;
                match event.kind {
                    MarketEventKind::Book { .. } => state.has_book = true,
                    MarketEventKind::Resolved { .. } => state.is_over = true,
                    _ => {}
                }
                self.alive(order_us, market);
                let outcome = event.token.outcome();
                TapeEventKind::market(MarketEvent { token: market.token(outcome), ..*event }, outcome == 0)
            }
            TapeEventKind::Blind { markets, cause } => {
                let named = if markets.is_empty() {
                    reader.markets.clone()
                } else {
                    markets.into_iter().filter_map(run).collect()
                };
                self.lose(&named);
                let all = named.len() == self.markets.len();
                TapeEventKind::Blind { markets: if all { Vec::new() } else { named }, cause }
            }
            TapeEventKind::Closed { market } => {
                let market = run(market)?;
                if let Some(state) = self.states.get_mut(market.index()) {
                    state.is_over = true;
                }
                TapeEventKind::Closed { market }
            }
            kind => kind,
        })
    }

    /// The same for a change of a level.
    #[inline(always)]
    fn renumbered_level(&mut self, place: usize, order_us: u64, change: LevelChange) -> Option<LevelChange> {
        let market = *self.readers.get(place)?.markets.get(change.token.market().index())?;
        let state = self.states.get_mut(market.index())?;
        state.last_us = order_us;
        if !state.has_book {
            return None;
        }
        if !state.is_watched {
            self.alive(order_us, market);
        }
        let outcome = change.token.outcome();
        Some(LevelChange { token: market.token(outcome), both: outcome == 0, ..change })
    }

    /// Forgets the books of markets behind a gap.
    fn lose(&mut self, markets: &[MarketIx]) {
        for market in markets {
            if let Some(state) = self.states.get_mut(market.index()) {
                state.has_book = false;
            }
        }
    }

    /// Notes a sign of life of a market.
    fn alive(&mut self, at_us: u64, market: MarketIx) {
        let Some(state) = self.states.get_mut(market.index()) else { return };
        state.last_us = at_us;
        if !state.is_watched && !self.gaps_marked && !state.is_over {
            state.is_watched = true;
            self.watch_silence(at_us.saturating_add(SILENCE_US), market);
        }
    }
}

impl EventSource for Dataset {
    fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>> {
        let mut out = std::mem::take(&mut self.out);
        let mut more = true;
        while more && out.is_empty() {
            more = self.fill(&mut out, 1)?;
        }
        let event = out.pop_front();
        self.out = out;
        Ok(event)
    }

    fn read(&mut self, into: &mut VecDeque<TapeEvent>, count: usize) -> anyhow::Result<bool> {
        into.append(&mut self.out);
        while into.len() < count {
            if !self.fill(into, count)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn hindsight(&self) -> &[Hindsight] {
        &self.hindsight
    }

    fn late_max_us(&self) -> u64 {
        self.readers.iter().map(|reader| reader.cache.footer.late_us).max().unwrap_or(0)
    }

    fn terms(&self) -> Terms {
        self.terms.clone()
    }
}

impl Reader {
    /// Reads the next frame at `from_us` or later.
    fn advance(&mut self, from_us: u64) -> anyhow::Result<()> {
        loop {
            self.ended = !self.cache.next(&mut self.next)?;
            if self.ended || self.next.order_us >= from_us {
                return Ok(());
            }
            for _ in 0..self.next.events {
                self.cache.event(&self.next)?;
            }
        }
    }
}

/// Returns the markets in the order of their numbers, each with the time of its listing event.
fn numbered(
    manifest: &Manifest,
    firsts: &BTreeMap<String, u64>,
    begin_us: u64,
) -> anyhow::Result<Vec<(u64, DatasetMarket)>> {
    let mut markets = Vec::with_capacity(manifest.markets.len());
    for (condition, entry) in &manifest.markets {
        let listed = markets::listed(condition, entry)?;
        let first = firsts.get(condition).copied();
        let known = entry.listed_us.or(first).unwrap_or(begin_us);
        // A market that traded before its listing time was listed by then.
        let at_us = known.min(first.unwrap_or(known)).max(begin_us);
        let group = listed.market.event.map_or_else(|| condition.clone(), |event| event.to_string());
        markets.push((at_us, DatasetMarket { listed, listed_at: Time(known), group }));
    }
    markets.sort_by_key(|(at_us, market)| (*at_us, market.listed.market.condition.0));
    Ok(markets)
}

fn describe(part: &Part) -> TapeDescription {
    let footer = &part.cache.footer;
    let (first, last) = footer.span.unwrap_or_default();
    let quality: &Quality = &footer.quality;
    let mut rows: Vec<(String, u64)> = quality.rows().map(|(kind, count, _)| (kind.to_owned(), count)).collect();
    rows.extend(part.manifest.damage.iter().map(|(kind, count)| (format!("import_{kind}"), *count)));
    TapeDescription {
        path: part.path.display().to_string(),
        hash: footer.identity.clone(),
        span: (Time(first), Time(last)),
        events: footer.events,
        invented: part.manifest.invented,
        quality: rows,
        selection: part.manifest.selection.clone(),
    }
}
