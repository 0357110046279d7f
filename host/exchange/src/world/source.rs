//! The other traders: the seeded flow, recordings of real books, or traders that follow a recorded price.

use crate::priced::Priced;
use crate::recording::{DecidedMarkets, Player, Prices, Recording, Step};
use model::{ConditionId, EventId, FeeRate, Market, Size, TickSize, Time, TokenIx};
use sha2::{Digest, Sha256};
use sim::{Flow, MarketError, Venue};

/// Default minimum size of a recorded market.
const MIN_SIZE: Size = Size::shares(5);
/// The fee rate of sports markets (PROTOCOL 16).
const FEE: FeeRate = FeeRate { rate_micros: 50_000 };
/// A recorded market ends this long after the start of the exchange; recordings restart when they end.
const LASTS_MICROS: u64 = model::time::DAY_MICROS;
/// Number of invented markets that act before the lock is released for waiting clients.
const MARKETS_AT_ONCE: usize = 64;
/// A speed of one, in millionths.
const REAL_TIME: u128 = 1_000_000;

/// Reasons why the markets cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Two recordings of one market, or too many markets.
    #[error("listing the market `{slug}`: {error}")]
    Market {
        /// Its slug.
        slug: String,
        /// The cause.
        error: MarketError,
    },
}

/// The other traders.
#[derive(Debug)]
pub(crate) enum Source {
    Flow(Flow),
    Recordings(Recorded),
    Priced(Box<Priced>),
}

/// The playback state of recordings.
#[derive(Debug)]
pub(crate) struct Recorded {
    markets: Vec<Market>,
    players: Vec<(TokenIx, Player)>,
    /// Speed in millionths of real time.
    speed: u64,
    started: Option<Time>,
    steps: Vec<Step>,
}

impl Source {
    /// Returns recordings as the other side; `speed` in millionths of real time.
    pub(crate) fn recordings(recordings: &[Recording], speed: u64, now: Time) -> Self {
        let markets = recordings.iter().map(|recording| market(recording, now)).collect();
        let players = recordings.iter().map(|recording| (TokenIx(0), Player::new(recording))).collect();
        Self::Recordings(Recorded { markets, players, speed, started: None, steps: Vec::new() })
    }

    /// Returns markets that follow a recorded price and resolve as recorded; `speed` in millionths of real time.
    pub(crate) fn priced(prices: Prices, markets: DecidedMarkets, speed: u64, seed: u64) -> Self {
        Self::Priced(Box::new(Priced::new(prices, markets, speed, seed)))
    }

    /// Lists the markets; those of a recorded price are listed when they are due.
    pub(crate) fn list(&mut self, venue: &mut Venue) -> Result<(), SourceError> {
        let markets = match self {
            Self::Flow(flow) => flow.markets(),
            Self::Recordings(recorded) => recorded.markets.clone(),
            Self::Priced(_) => Vec::new(),
        };
        for (place, market) in markets.into_iter().enumerate() {
            let slug = market.slug.clone();
            let ix = venue.add_market(market).map_err(|error| SourceError::Market { slug, error })?;
            if let Self::Recordings(recorded) = self
                && let Some((token, _)) = recorded.players.get_mut(place)
            {
                *token = ix.token(0);
            }
        }
        Ok(())
    }

    /// Returns the slug and the title of an event, if it has them.
    pub(crate) fn event_names(&self, event: EventId) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Flow(flow) => flow.event_names(event),
            Self::Recordings(_) | Self::Priced(_) => None,
        }
    }

    /// Runs the actions that are due, or a part of them; returns true once all have acted.
    pub(crate) fn step(&mut self, now: Time, venue: &mut Venue) -> bool {
        match self {
            Self::Flow(flow) => return flow.step_some(now, venue, MARKETS_AT_ONCE),
            Self::Recordings(recorded) => recorded.step(now, venue),
            Self::Priced(priced) => priced.step(now, venue),
        }
        true
    }
}

impl Recorded {
    fn step(&mut self, now: Time, venue: &mut Venue) {
        let started = *self.started.get_or_insert(now);
        let scaled = u128::from(now.since(started)).saturating_mul(u128::from(self.speed)) / REAL_TIME / 1_000;
        let elapsed_ms = u64::try_from(scaled).unwrap_or(u64::MAX);
        for (token, player) in &mut self.players {
            player.play(elapsed_ms, &mut self.steps);
            for step in self.steps.drain(..) {
                if let Err(error) = apply(now, venue, *token, step) {
                    tracing::warn!(%error, "playing a step of a recording failed");
                }
            }
        }
    }
}

fn apply(now: Time, venue: &mut Venue, token: TokenIx, step: Step) -> Result<(), MarketError> {
    match step {
        Step::Tick(tick) => venue.set_tick(token.market(), tick),
        Step::Book { bids, asks, .. } => venue.replace_external(now, token, &bids, &asks),
        Step::Level { side, price, size } => venue.set_external(now, token, side, price, size),
    }
}

/// Returns a recording's market: recorded fields where present, defaults for the rest.
fn market(recording: &Recording, now: Time) -> Market {
    let [first, second] = &recording.tokens;
    let condition = Sha256::new().chain_update(b"condition").chain_update(first.0).chain_update(second.0).finalize();
    let outcome = |place: usize, usual: &str| {
        recording.outcomes.get(place).and_then(Clone::clone).unwrap_or_else(|| usual.to_owned())
    };
    let outcomes = [outcome(0, "Yes"), outcome(1, "No")];
    Market {
        condition: ConditionId(condition.into()),
        tokens: recording.tokens,
        question: format!("{} (recorded): {} or {}?", recording.slug, outcomes[0], outcomes[1]),
        outcomes,
        slug: recording.slug.clone(),
        tick: TickSize::CENT,
        min_size: MIN_SIZE,
        neg_risk: false,
        event: None,
        fee: FEE,
        end: Some(now.plus_micros(LASTS_MICROS)),
    }
}
