//! The answers of REST that are not about one placement (PROTOCOL 7).

use super::user::{Owner, TradeEvent, status, trade_event};
use super::{ParseError, cut_to, field, price, side, size_or_none, slug, token};
use crate::wire::account::Balance;
use crate::wire::market::{Book, ClobMarket, Ending, Level as WireLevel, Market as WireMarket, Page};
use crate::wire::order::Order;
use crate::wire::text::{parse_iso_time, parse_time};
use crate::wire::trade::Trade;
use model::amount::parse_micros;
use model::book::LEVELS_MAX;
use model::bounds::{OUTCOME_MAX, QUESTION_MAX};
use model::input::VenueStatus;
use model::{
    ConditionId, EventId, FeeRate, Level, Market, MarketEvent, MarketEventKind, Price, SCALE, Side, Size, TickSize,
    Time, TokenId, TokenIx, Usd, VenueOrderId,
};
use order::Address;

/// The cursor of the end of a list.
const CURSOR_END: &str = "LTE=";

/// A whole book, read by REST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookSnapshot {
    /// The token.
    pub token: TokenId,
    /// The venue's time; zero if it says none.
    pub venue_time: Time,
    /// Bids, best last.
    pub bids: Vec<Level>,
    /// Asks, best last.
    pub asks: Vec<Level>,
    /// The grid, if it says.
    pub tick: Option<TickSize>,
}

impl BookSnapshot {
    /// Returns the snapshot as the event that replaces the book of `token`.
    pub fn into_event(self, token: TokenIx) -> MarketEvent {
        let kind = MarketEventKind::Book { bids: self.bids, asks: self.asks };
        MarketEvent { token, venue_time: self.venue_time, kind }
    }
}

/// An order of the account, read by REST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueOrder {
    /// The venue's id.
    pub id: VenueOrderId,
    /// Its state.
    pub status: VenueStatus,
    /// The outcome token.
    pub token: TokenId,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// Shares asked for.
    pub original: Size,
    /// Shares matched so far.
    pub matched: Size,
    /// When it was placed; zero if it says none.
    pub created_at: Time,
}

/// What the venue believes that an address owns and lets the exchanges spend, in base units of a millionth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceAllowance {
    /// The balance.
    pub balance: u64,
    /// By spender; amounts beyond 64 bits, which mean "unlimited", stand as the largest number.
    pub allowances: Vec<(Address, u64)>,
}

pub(crate) fn book(bytes: &[u8]) -> Result<BookSnapshot, ParseError> {
    snapshot(&serde_json::from_slice(bytes)?)
}

pub(crate) fn books(bytes: &[u8]) -> Result<Vec<BookSnapshot>, ParseError> {
    let books: Vec<Book<'_>> = serde_json::from_slice(bytes)?;
    books.iter().map(snapshot).collect()
}

fn snapshot(wire: &Book<'_>) -> Result<BookSnapshot, ParseError> {
    Ok(BookSnapshot {
        token: token(&wire.asset_id)?,
        venue_time: parse_time(wire.timestamp.as_str()).unwrap_or_default(),
        bids: levels(&wire.bids)?,
        asks: levels(&wire.asks)?,
        tick: TickSize::parse(wire.tick_size.as_str()),
    })
}

fn levels(wire: &[WireLevel<'_>]) -> Result<Vec<Level>, ParseError> {
    if wire.len() > LEVELS_MAX {
        return Err(ParseError::TooMany { field: "levels", limit: LEVELS_MAX });
    }
    wire.iter()
        .map(|level| Ok(Level { price: price(&level.price)?, size: field("size", &level.size, Size::parse)? }))
        .collect()
}

/// A page of any list, with the cursor of the next one if there is one.
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

fn next_cursor<T>(page: &Page<'_, T>) -> Option<String> {
    let cursor = page.next_cursor.as_str();
    (!cursor.is_empty() && cursor != CURSOR_END).then(|| cursor.to_owned())
}

/// What `GET /markets` says of a market that can be traded.
#[derive(Debug)]
pub(crate) struct Tradable {
    pub(crate) condition: ConditionId,
    pub(crate) slug: String,
    pub(crate) question: String,
    pub(crate) end: Option<Time>,
    pub(crate) event: Option<EventId>,
}

/// Reads a page of `GET /markets` and keeps what can be traded. Conditions of 31 bytes belong to the protocol's other
/// generation, whose positions we do not sign for, and are left out.
pub(crate) fn market_page(bytes: &[u8]) -> Result<Items<Tradable>, ParseError> {
    let page: Page<'_, WireMarket<'_>> = serde_json::from_slice(bytes)?;
    Ok(Items { next: next_cursor(&page), items: tradable_conditions(&page.data) })
}

pub(crate) fn tradable_conditions(markets: &[WireMarket<'_>]) -> Vec<Tradable> {
    let tradable = markets.iter().filter(|market| market.is_tradable());
    tradable
        .filter_map(|market| {
            Some(Tradable {
                condition: ConditionId::parse(market.condition_id.as_str())?,
                slug: slug(market.market_slug.as_str())?,
                question: cut_to(market.question.as_str(), QUESTION_MAX),
                end: parse_iso_time(market.end_date_iso.as_str()),
                event: EventId::parse(market.neg_risk_market_id.as_str()),
            })
        })
        .collect()
}

/// Reads what a share of each of a market's tokens pays; nothing while that is not known. Closed without a winner is no outcome,
/// unless the venue calls it a draw.
pub(crate) fn resolution(bytes: &[u8], tokens: &[TokenId; 2]) -> Result<Option<[Usd; 2]>, ParseError> {
    let wire: Ending<'_> = serde_json::from_slice(bytes)?;
    let won = |token: &TokenId| {
        let told = wire.tokens.iter().find(|told| TokenId::parse(told.token_id.as_str()).as_ref() == Some(token));
        told.map(|told| told.winner).ok_or(ParseError::Missing { field: "tokens" })
    };
    let [yes, no] = tokens;
    let half = Usd(Usd::dollars(1).micros() / 2);
    Ok(match (wire.closed, won(yes)?, won(no)?) {
        (true, true, false) => Some([Usd::dollars(1), Usd::ZERO]),
        (true, false, true) => Some([Usd::ZERO, Usd::dollars(1)]),
        (true, false, false) if wire.is_50_50_outcome => Some([half, half]),
        _ => None,
    })
}

/// Reads `GET /clob-markets/{condition}` and joins it with what the list said.
pub(crate) fn clob_market(bytes: &[u8], listed: Tradable) -> Result<Market, ParseError> {
    let wire: ClobMarket<'_> = serde_json::from_slice(bytes)?;
    let [yes, no] = &wire.t[..] else { return Err(ParseError::Missing { field: "t" }) };
    if !wire.c.is_empty() && field("c", &wire.c, ConditionId::parse)? != listed.condition {
        return Err(ParseError::invalid("c", wire.c.as_str().as_bytes()));
    }
    Ok(Market {
        condition: listed.condition,
        tokens: [token(&yes.t)?, token(&no.t)?],
        outcomes: [yes, no].map(|token| cut_to(token.o.as_str(), OUTCOME_MAX)),
        slug: listed.slug,
        question: listed.question,
        tick: field("mts", &wire.mts, TickSize::parse)?,
        min_size: field("mos", &wire.mos, Size::parse)?,
        neg_risk: wire.nr,
        event: listed.event,
        fee: fee(&wire)?,
        end: listed.end,
    })
}

/// Reads the fee. A formula that we do not compute is an error: the market is left alone instead of being traded at a guess.
fn fee(wire: &ClobMarket<'_>) -> Result<FeeRate, ParseError> {
    let Some(fee) = &wire.fd else { return Ok(FeeRate::default()) };
    let rate_micros = field("fd.r", &fee.r, |text| u32::try_from(parse_micros(text)?).ok())?;
    if rate_micros == 0 {
        return Ok(FeeRate::default());
    }
    if !fee.e.is_empty() {
        field("fd.e", &fee.e, |text| (parse_micros(text)? == u64::from(SCALE)).then_some(()))?;
    }
    if !fee.to {
        return Err(ParseError::invalid("fd.to", b"false"));
    }
    Ok(FeeRate { rate_micros })
}

fn venue_order(wire: &Order<'_>) -> Result<VenueOrder, ParseError> {
    Ok(VenueOrder {
        id: field("id", &wire.id, VenueOrderId::parse)?,
        status: field("status", &wire.status, status)?,
        token: token(&wire.asset_id)?,
        side: field("side", &wire.side, side)?,
        price: price(&wire.price)?,
        original: field("original_size", &wire.original_size, Size::parse)?,
        matched: size_or_none("size_matched", &wire.size_matched)?,
        created_at: parse_time(wire.created_at.as_str()).unwrap_or_default(),
    })
}

/// Reads one order; the venue answers nothing or null for one that is over.
pub(crate) fn open_order(bytes: &[u8]) -> Result<Option<VenueOrder>, ParseError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let wire: Option<Order<'_>> = serde_json::from_slice(bytes)?;
    wire.filter(|order| !order.id.is_empty()).as_ref().map(venue_order).transpose()
}

pub(crate) fn open_order_page(bytes: &[u8]) -> Result<Items<VenueOrder>, ParseError> {
    let page: Page<'_, Order<'_>> = serde_json::from_slice(bytes)?;
    let items = page.data.iter().map(venue_order).collect::<Result<_, _>>()?;
    Ok(Items { next: next_cursor(&page), items })
}

/// Reads a page of trades; those in which we have no part are left out.
pub(crate) fn trade_page(bytes: &[u8], owner: &Owner) -> Result<Items<TradeEvent>, ParseError> {
    let page: Page<'_, Trade<'_>> = serde_json::from_slice(bytes)?;
    let items = page.data.iter().filter_map(|trade| trade_event(trade, owner).transpose()).collect::<Result<_, _>>()?;
    Ok(Items { next: next_cursor(&page), items })
}

pub(crate) fn balance(bytes: &[u8]) -> Result<BalanceAllowance, ParseError> {
    let wire: Balance<'_> = serde_json::from_slice(bytes)?;
    let balance = field("balance", &wire.balance, |text| text.parse().ok())?;
    let allowances = wire.allowances.unwrap_or_default();
    let allowances = allowances
        .iter()
        .filter_map(|(spender, amount)| Some((Address::parse(spender)?, saturating(amount.as_str())?)))
        .collect();
    Ok(BalanceAllowance { balance, allowances })
}

fn saturating(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CONDITION: &str = "0x7d952222f137be0fa2fc4b082f0c47870c4494c5d8715a7427526fd67faeb9cd";

    fn listed() -> Tradable {
        let condition = ConditionId::parse(CONDITION).unwrap();
        Tradable { condition, slug: "s".into(), question: "q".into(), end: None, event: None }
    }

    fn with_fee(fee: serde_json::Value) -> Result<Market, ParseError> {
        let wire = json!({"c": CONDITION, "t": [{"t": "1", "o": "Up"}, {"t": "2", "o": "Down"}], "mos": 5, "mts": 0.01, "fd": fee});
        clob_market(wire.to_string().as_bytes(), listed())
    }

    #[test]
    fn a_fee_that_we_cannot_compute_keeps_the_market_out() {
        let rate = |fee| with_fee(fee).map(|market| market.fee.rate_micros).ok();
        assert_eq!(rate(json!({"r": 0.07, "e": 1, "to": true})), Some(70_000));
        assert_eq!(rate(json!({"r": "0.0175", "e": 1.0})), Some(17_500));
        assert_eq!(rate(json!(null)), Some(0));
        assert_eq!(rate(json!({"r": 0, "e": 0, "to": false})), Some(0));
        assert_eq!(rate(json!({"r": 0.07, "e": 2, "to": true})), None);
        assert_eq!(rate(json!({"r": 0.07, "e": 1, "to": false})), None);
        assert_eq!(rate(json!({"r": -0.07, "e": 1})), None);
    }

    #[test]
    fn a_long_name_of_an_outcome_is_cut() {
        let names = [OUTCOME_MAX, OUTCOME_MAX + 1, 70_000].map(|length| "o".repeat(length));
        for name in names {
            let tokens = json!([{"t": "1", "o": name}, {"t": "2", "o": "Down"}]);
            let wire = json!({"c": CONDITION, "t": tokens, "mos": 5, "mts": 0.01});
            let market = clob_market(wire.to_string().as_bytes(), listed()).unwrap();
            assert_eq!(market.outcomes, ["o".repeat(OUTCOME_MAX), "Down".to_owned()]);
        }
    }

    #[test]
    fn a_market_of_another_condition_is_refused() {
        let other = Tradable { condition: ConditionId([1; 32]), ..listed() };
        let wire = json!({"c": CONDITION, "t": [{"t": "1"}, {"t": "2"}], "mos": 5, "mts": 0.01});
        assert!(clob_market(wire.to_string().as_bytes(), other).is_err());
        let three = json!({"c": CONDITION, "t": [{"t": "1"}, {"t": "2"}, {"t": "3"}], "mos": 5, "mts": 0.01});
        assert!(clob_market(three.to_string().as_bytes(), listed()).is_err());
    }

    #[test]
    fn an_order_that_is_over_may_be_nothing_at_all() {
        for nothing in ["", " \n", "null", "{\"id\":\"\"}"] {
            assert!(open_order(nothing.as_bytes()).unwrap().is_none(), "{nothing}");
        }
        assert!(open_order(b"[]").is_err());
    }

    #[test]
    fn unlimited_allowances_saturate() {
        let spender = Address([7; 20]);
        let wire = json!({"balance": "25000000", "allowances": {spender.to_string(): "9".repeat(78), "x": "1"}});
        let read = balance(wire.to_string().as_bytes()).unwrap();
        assert_eq!(read, BalanceAllowance { balance: 25_000_000, allowances: vec![(spender, u64::MAX)] });
        assert!(balance(br#"{"balance":"-1"}"#).is_err());
    }

    #[test]
    fn an_outcome_is_read_only_where_the_venue_is_sure() {
        let [yes, no] = [TokenId([1; 32]), TokenId([2; 32])];
        let read = |closed: bool, draw: bool, winners: [bool; 2]| {
            // The venue lists them in any order.
            let told =
                |token: &TokenId, winner: bool| serde_json::json!({"token_id": token.to_string(), "winner": winner});
            let tokens = [told(&no, winners[1]), told(&yes, winners[0])];
            let body = serde_json::json!({"closed": closed, "is_50_50_outcome": draw, "tokens": tokens}).to_string();
            resolution(body.as_bytes(), &[yes, no]).unwrap()
        };
        let (one, half) = (Usd::dollars(1), Usd(500_000));
        assert_eq!(read(true, false, [true, false]), Some([one, Usd::ZERO]));
        assert_eq!(read(true, false, [false, true]), Some([Usd::ZERO, one]));
        assert_eq!(read(true, true, [false, false]), Some([half, half]));
        assert_eq!(read(true, false, [false, false]), None);
        assert_eq!(read(true, false, [true, true]), None);
        assert_eq!(read(false, false, [true, false]), None);
        resolution(br#"{"closed":true,"tokens":[]}"#, &[yes, no]).unwrap_err();
    }
}
