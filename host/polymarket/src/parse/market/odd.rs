//! The slow path for an event that fails to parse: its valid parts are kept, and the rest is attributed to the token or
//! the market that it is about.

use super::{ParseError, Reader};
use crate::parse::list::{list, object};
use crate::parse::{field, kind, price, side};
use crate::wire::Text;
use crate::wire::text::parse_time;
use model::{ConditionId, MarketEvent, MarketEventKind, Size, TickSize, Time, TokenId, TokenIx};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A part of a frame that failed to parse.
#[derive(Debug)]
pub struct Odd {
    /// The token or the market that it is about, as written there; otherwise its kind.
    pub name: String,
    /// The parse error.
    pub error: ParseError,
    /// True if its token or market is unknown, so that it could be about any token of the connection.
    pub is_vague: bool,
}

/// The fields of an event that identify its subject.
#[derive(Debug, Default, Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    event_type: Text<'a>,
    #[serde(borrow, default)]
    market: Text<'a>,
    #[serde(borrow, default)]
    asset_id: Text<'a>,
    #[serde(borrow, default)]
    assets_ids: Text<'a>,
    #[serde(borrow, default)]
    price_changes: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default)]
    tick_size: Text<'a>,
}

/// An entry of `price_changes`.
#[derive(Debug, Default, Deserialize)]
struct Change<'a> {
    #[serde(borrow, default)]
    asset_id: Text<'a>,
    #[serde(borrow, default)]
    price: Text<'a>,
    #[serde(borrow, default)]
    size: Text<'a>,
    #[serde(borrow, default)]
    side: Text<'a>,
}

impl Reader<'_, '_> {
    /// Reads an element that fails to parse.
    ///
    /// # Errors
    /// If it is not JSON: then the whole frame is torn.
    pub(super) fn read_odd(&mut self, text: &[u8], error: ParseError) -> Result<(), ParseError> {
        let Ok(raw) = serde_json::from_slice::<&RawValue>(text) else { return Err(error) };
        let Ok(event) = object::<Event<'_>>(raw) else {
            self.lay("an element", error, true);
            return Ok(());
        };
        match event.event_type.scalar().and_then(kind).unwrap_or_default() {
            "price_change" => self.odd_changes(&event, error),
            "tick_size_change" => self.blame(&event, true, error),
            "book" => self.blame(&event, !event.tick_size.is_empty() && !is_grid(&event.tick_size), error),
            "last_trade_price" | "market_resolved" | "" => self.blame(&event, false, error),
            "best_bid_ask" | "new_market" => self.counts.unused = self.counts.unused.saturating_add(1),
            _ => self.counts.unknown = self.counts.unknown.saturating_add(1),
        }
        Ok(())
    }

    fn odd_changes(&mut self, event: &Event<'_>, error: ParseError) {
        let time = event.timestamp.scalar().and_then(parse_time);
        let entries: Option<Vec<&RawValue>> = list("price_changes", &event.price_changes).ok().flatten();
        let (Some(venue_time), Some(entries)) = (time, entries) else { return self.blame(event, false, error) };
        for raw in entries {
            let change: Change<'_> = object(raw).unwrap_or_default();
            match self.token(&change.asset_id) {
                About::Ours(token) => match level(&change) {
                    Ok(level) => self.out.push(MarketEvent { token, venue_time, kind: level }),
                    Err(error) => {
                        self.unread(token, venue_time, false);
                        self.lay(change.asset_id.as_str(), error, false);
                    }
                },
                About::Foreign => self.counts.foreign = self.counts.foreign.saturating_add(1),
                About::Unnamed => {
                    let asset = &change.asset_id;
                    let error = if asset.is_empty() {
                        ParseError::Missing { field: "asset_id" }
                    } else {
                        ParseError::invalid("asset_id", asset.as_str().as_bytes())
                    };
                    self.blame_market(event, venue_time, false, error);
                }
            }
        }
    }

    /// Attributes an event to the tokens that it names, otherwise to its market.
    fn blame(&mut self, event: &Event<'_>, grid: bool, error: ParseError) {
        let time = event.timestamp.scalar().and_then(parse_time).unwrap_or_default();
        let assets: Vec<Text<'_>> = list("assets_ids", &event.assets_ids).ok().flatten().unwrap_or_default();
        let changes: Vec<Change<'_>> = list("price_changes", &event.price_changes).ok().flatten().unwrap_or_default();
        let named =
            std::iter::once(&event.asset_id).chain(&assets).chain(changes.iter().map(|change| &change.asset_id));
        let named: Vec<(&Text<'_>, About)> = named.map(|asset| (asset, self.token(asset))).collect();
        if named.iter().all(|(_, about)| *about == About::Unnamed) {
            return self.blame_market(event, time, grid, error);
        }
        let mut name = None;
        for (asset, about) in named {
            match about {
                About::Ours(token) => {
                    // The grid belongs to the market.
                    let other = token.market().token(1u32.saturating_sub(token.outcome()));
                    self.unread(token, time, grid);
                    if grid {
                        self.unread(other, time, grid);
                    }
                    name = name.or(Some(asset));
                }
                About::Foreign => self.counts.foreign = self.counts.foreign.saturating_add(1),
                About::Unnamed => {}
            }
        }
        if let Some(name) = name {
            self.lay(name.as_str(), error, false);
        }
    }

    /// Attributes an error to both tokens of the event's market.
    fn blame_market(&mut self, event: &Event<'_>, time: Time, grid: bool, error: ParseError) {
        let Some(condition) = event.market.scalar().and_then(ConditionId::parse) else {
            let kind = event.event_type.as_str();
            return self.lay(if kind.is_empty() { "an event" } else { kind }, error, true);
        };
        match self.tokens.market(&condition) {
            Some(market) => {
                [0, 1].iter().for_each(|outcome| self.unread(market.token(*outcome), time, grid));
                self.lay(event.market.as_str(), error, false);
            }
            None => self.counts.foreign = self.counts.foreign.saturating_add(1),
        }
    }

    fn unread(&mut self, token: TokenIx, venue_time: Time, grid: bool) {
        self.out.push(MarketEvent { token, venue_time, kind: MarketEventKind::Unread { grid } });
    }

    fn lay(&mut self, name: &str, error: ParseError, is_vague: bool) {
        self.odd.push(Odd { name: crate::parse::cut(name), error, is_vague });
    }

    fn token(&self, asset: &Text<'_>) -> About {
        let text = asset.scalar().filter(|text| TokenId::parse(text).is_some());
        text.map_or(About::Unnamed, |text| self.tokens.get(text.as_bytes()).map_or(About::Foreign, About::Ours))
    }
}

/// The token that a text refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Ours(TokenIx),
    Foreign,
    Unnamed,
}

fn level(change: &Change<'_>) -> Result<MarketEventKind, ParseError> {
    Ok(MarketEventKind::Level {
        side: field("side", &change.side, side)?,
        price: price(&change.price)?,
        size: field("size", &change.size, Size::parse)?,
    })
}

fn is_grid(text: &Text<'_>) -> bool {
    text.scalar().and_then(TickSize::parse).is_some()
}
