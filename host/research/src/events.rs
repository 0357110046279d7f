//! Events of tapes as backtests read them: parsed, numbered by market, in the order of receipt.

pub use model::LevelChange;
use model::event::{MarketEvent, MarketEventKind};
use model::{ConditionId, EventId, Level, Market, MarketIx, Signal, Size, Time, Usd};
use std::collections::{BTreeMap, VecDeque};

/// One event of a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeEvent {
    /// Number of the venue's frame that it stands in, from 0 and over all tapes of a run. The events of a frame are
    /// applied together.
    pub frame: u64,
    /// The venue's time; the paper venue matches at it.
    pub venue_at: Time,
    /// Time of receipt by the recorder. `None` if it was not recorded: the assumed feed latency then applies.
    pub received_at: Option<Time>,
    /// The content.
    pub kind: TapeEventKind,
}

/// The content of a [`TapeEvent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapeEventKind {
    /// A market was listed. Its number is the number of markets listed before it in the run.
    Listed(Box<ListedMarket>),
    /// The venue sent a change of a level. Almost every event of a tape is one, so it is kept small.
    Level(LevelChange),
    /// The venue sent another event of a market.
    Market(Box<MarketEvent>),
    /// The venue sent another event of a market's first token, and its mirror for the second token with it.
    Both(Box<MarketEvent>),
    /// Nothing is known about these markets from now on, until their next book; see RESEARCH 1 on the time of a gap.
    Blind {
        /// The markets; empty for all.
        markets: Vec<MarketIx>,
        /// The reason, for the report.
        cause: GapCause,
    },
    /// Orders are no longer accepted, as published by the venue.
    Closed {
        /// The market.
        market: MarketIx,
    },
    /// A value of an external series, delivered as a signal.
    Signal(Box<Signal>),
}

impl TapeEventKind {
    /// Returns an event of one token. If `both`, the venue sent its mirror for the other token with it, unless such an
    /// event belongs to one token alone.
    pub fn market(event: MarketEvent, both: bool) -> Self {
        match event.kind {
            MarketEventKind::Level { side, price, size } => {
                Self::Level(LevelChange { token: event.token, venue_time: event.venue_time, side, price, size, both })
            }
            MarketEventKind::Trade { .. } | MarketEventKind::Resolved { .. } => Self::Market(Box::new(event)),
            _ if both => Self::Both(Box::new(event)),
            _ => Self::Market(Box::new(event)),
        }
    }

    /// Returns the events of markets in it: none, one, or one for each token of a market.
    pub fn market_events(&self) -> impl Iterator<Item = MarketEvent> {
        let (first, second) = match self {
            Self::Level(change) => (Some(change.event()), change.mirror().map(|other| other.event())),
            Self::Market(event) => (Some((**event).clone()), None),
            Self::Both(event) => (Some((**event).clone()), mirrored(event)),
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }
}

/// Returns what an event of a token means for the other token of its market; `None` for events that belong to one token
/// alone.
pub(crate) fn mirrored(event: &MarketEvent) -> Option<MarketEvent> {
    let kind = mirrored_kind(&event.kind)?;
    Some(MarketEvent { token: event.token.complement(), venue_time: event.venue_time, kind })
}

/// The same for the content of an event.
pub(crate) fn mirrored_kind(kind: &MarketEventKind) -> Option<MarketEventKind> {
    let levels = |levels: &[Level]| -> Vec<Level> { levels.iter().copied().map(Level::mirrored).collect() };
    match kind {
        MarketEventKind::Book { bids, asks } => Some(MarketEventKind::Book { bids: levels(asks), asks: levels(bids) }),
        MarketEventKind::Level { side, price, size } => {
            Some(MarketEventKind::Level { side: side.opposite(), price: price.complement(), size: *size })
        }
        MarketEventKind::TickSize { tick } => Some(MarketEventKind::TickSize { tick: *tick }),
        MarketEventKind::Unread { grid } => Some(MarketEventKind::Unread { grid: *grid }),
        MarketEventKind::Trade { .. } | MarketEventKind::Resolved { .. } => None,
    }
}

/// A market as it was known at its listing. It contains nothing that was published later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMarket {
    /// The market with its tick size at listing. The fee rate is zero where [`Self::fee_known`] is false.
    pub market: Market,
    /// True if the tape has the fee rate.
    pub fee_known: bool,
    /// Assumptions that stand in for values that the tape lacks, one sentence each; the report lists them.
    pub assumed: Vec<String>,
    /// False for price series without books: a backtest that needs a book refuses the market by name.
    pub has_books: bool,
    /// True if its books were invented from prices.
    pub invented: bool,
}

/// The cause of a gap in a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// Longer than 60 s without a frame.
    Silence,
    /// The recorder lost its connection.
    Disconnected,
    /// The recorder's queue was full.
    Dropped,
    /// Part of the tape is damaged.
    Damaged,
    /// The recorder was stopped.
    Stopped,
}

/// Outcome of a market, which was published after its close. Read by settlement and by reports only.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hindsight {
    /// The market.
    pub condition: ConditionId,
    /// Payout per share of the first token in micro-dollars; `None` if it is unresolved.
    pub pays_micros: Option<i64>,
    /// Time of the resolution, in microseconds since 1970.
    pub resolved_us: Option<u64>,
    /// True if the outcome is read off the last book instead of the venue's resolution.
    pub implied: bool,
}

/// Terms of the venue that no strategy sees, for settlement and reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Parameters of liquidity rewards, each with the time from which it was valid.
    pub rewards: BTreeMap<ConditionId, Vec<RewardTerms>>,
    /// The part of a taker's fee that the resting order gets back, in millionths.
    pub rebates: BTreeMap<ConditionId, u32>,
    /// Negative-risk events.
    pub groups: Vec<Group>,
}

/// Parameters of liquidity rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewardTerms {
    /// Valid from this time on.
    pub from: Time,
    /// The largest distance from the mid price that counts, in micro-dollars.
    pub max_spread_micros: u32,
    /// The smallest order that counts.
    pub min_size: Size,
    /// Dollars a day.
    pub daily: Usd,
}

/// A negative-risk event: one of its markets at most pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub event: EventId,
    /// All its markets, recorded or not.
    pub members: Vec<ConditionId>,
    /// True if one of the members always pays.
    pub complete: bool,
}

/// A source of events in the order of receipt, of one tape or several merged.
pub trait EventSource {
    /// Returns the next event, `None` at the end.
    ///
    /// # Errors
    /// If the tape cannot be read on; the message names file and place.
    fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>>;

    /// Appends events to a queue until it has at least `count`; false at the end. It is faster than
    /// [`EventSource::next_event`] where a source can write events to their place.
    ///
    /// # Errors
    /// See [`EventSource::next_event`].
    fn read(&mut self, into: &mut VecDeque<TapeEvent>, count: usize) -> anyhow::Result<bool> {
        while into.len() < count {
            let Some(event) = self.next_event()? else { return Ok(false) };
            into.push_back(event);
        }
        Ok(true)
    }

    /// Returns the outcomes, for settlement and reports.
    fn hindsight(&self) -> &[Hindsight];

    /// Returns the maximum time in microseconds from an event at the venue to its receipt, if it is known in advance.
    /// The run reads ahead that far.
    fn late_max_us(&self) -> u64 {
        u64::MAX
    }

    /// Returns the terms of the venue, as far as they are known.
    fn terms(&self) -> Terms {
        Terms::default()
    }
}

/// Events in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryEvents {
    events: VecDeque<TapeEvent>,
    hindsight: Vec<Hindsight>,
    terms: Terms,
}

impl MemoryEvents {
    /// Returns a source of these events.
    pub fn new(events: impl IntoIterator<Item = TapeEvent>, hindsight: Vec<Hindsight>) -> Self {
        Self { events: events.into_iter().collect(), hindsight, terms: Terms::default() }
    }

    /// Adds the terms of the venue.
    #[must_use]
    pub fn with_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }
}

impl EventSource for MemoryEvents {
    fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>> {
        Ok(self.events.pop_front())
    }

    fn hindsight(&self) -> &[Hindsight] {
        &self.hindsight
    }

    fn terms(&self) -> Terms {
        self.terms.clone()
    }
}
