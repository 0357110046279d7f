//! REST responses that do not concern a single placement (PROTOCOL 7).

use super::list::{Items, Refused, document, list, object};
use super::user::{Owner, TradeEvent, status, trade_event};
use super::{
    ParseError, cut_to, field, flag, is_of_other_generation, matched, maybe, price, required_flag, side, text_field,
    token,
};
use crate::wire::Text;
use crate::wire::account::Balance;
use crate::wire::market::{
    Book, ClobFee, ClobMarket, ClobToken, Ending, EndingToken, Level as WireLevel, Market as WireMarket, Page,
};
use crate::wire::order::Order;
use crate::wire::text::{parse_moment, parse_time};
use crate::wire::trade::Trade;
use model::amount::parse_micros;
use model::book::LEVELS_MAX;
use model::bounds::{OUTCOME_MAX, QUESTION_MAX, SLUG_MAX};
use model::input::VenueStatus;
use model::{
    ConditionId, EventId, FeeRate, Level, Market, MarketEvent, MarketEventKind, Price, SCALE, Side, Size, TickSize,
    Time, TokenId, TokenIx, Usd, VenueOrderId,
};
use order::Address;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The cursor that marks the end of a list.
const CURSOR_END: &str = "LTE=";

/// A whole book, read by REST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookSnapshot {
    /// The token.
    pub token: TokenId,
    /// The venue's time; zero if absent.
    pub venue_time: Time,
    /// Bids, best last.
    pub bids: Vec<Level>,
    /// Asks, best last.
    pub asks: Vec<Level>,
    /// The grid, if present.
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
    /// Ordered shares.
    pub original: Size,
    /// Shares matched so far.
    pub matched: Size,
    /// Placement time; zero if absent.
    pub created_at: Time,
}

/// Balance and allowances of an address as reported by the venue, in base units of a millionth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceAllowance {
    /// The balance.
    pub balance: u64,
    /// Allowances by spender; amounts beyond 64 bits, which mean "unlimited", saturate at the largest number.
    pub allowances: Vec<(Address, u64)>,
    /// Allowances that failed to parse, by spender, already counted and recorded by name. A conclusion from the
    /// *absence* of an allowance must check these too.
    pub refused: Vec<Refused>,
}

pub(crate) fn book(bytes: &[u8]) -> Result<BookSnapshot, ParseError> {
    snapshot(&document(bytes)?)
}

/// Reads many books. A book with an invalid level is left out: without the level it would be a different book.
pub(crate) fn books(bytes: &[u8]) -> Result<Items<BookSnapshot>, ParseError> {
    let books: Vec<&RawValue> = serde_json::from_slice(bytes)?;
    Ok(Items::read(&books, None, |book: Book<'_>| snapshot(&book).map(Some)))
}

fn snapshot(wire: &Book<'_>) -> Result<BookSnapshot, ParseError> {
    Ok(BookSnapshot {
        token: token(&wire.asset_id)?,
        venue_time: maybe("timestamp", &wire.timestamp, parse_time)?.unwrap_or_default(),
        bids: levels("bids", &wire.bids)?,
        asks: levels("asks", &wire.asks)?,
        tick: maybe("tick_size", &wire.tick_size, TickSize::parse)?,
    })
}

fn levels(name: &'static str, wire: &Text<'_>) -> Result<Vec<Level>, ParseError> {
    let wire: Vec<WireLevel<'_>> = list(name, wire)?.ok_or(ParseError::Missing { field: name })?;
    if wire.len() > LEVELS_MAX {
        return Err(ParseError::TooMany { field: "levels", limit: LEVELS_MAX });
    }
    wire.iter()
        .map(|level| Ok(Level { price: price(&level.price)?, size: field("size", &level.size, Size::parse)? }))
        .collect()
}

fn next_cursor(page: &Page<'_>) -> Result<Option<String>, ParseError> {
    let cursor = maybe("next_cursor", &page.next_cursor, |cursor| Some(cursor.to_owned()))?;
    Ok(cursor.filter(|cursor| cursor != CURSOR_END))
}

/// A list's data about a tradable market.
#[derive(Debug)]
pub(crate) struct Tradable {
    pub(crate) condition: ConditionId,
    pub(crate) slug: String,
    pub(crate) question: String,
    pub(crate) end: Option<Time>,
    pub(crate) event: Option<EventId>,
    /// True for a negative-risk market, if the list says.
    pub(crate) neg_risk: Option<bool>,
}

impl Tradable {
    /// Reads the fields that both lists have: slug and question, the end, and the negative-risk flag with the event
    /// that implies it.
    pub(super) fn new(
        condition: ConditionId,
        (slug, question): (&str, &str),
        (end_name, end): (&'static str, &Text<'_>),
        (neg_risk, (event_name, event)): (Option<bool>, (&'static str, &Text<'_>)),
    ) -> Result<Self, ParseError> {
        if slug.len() > SLUG_MAX {
            return Err(ParseError::TooLong { field: "slug", bytes: slug.len(), limit: SLUG_MAX });
        }
        let event = maybe(event_name, event, EventId::parse)?;
        Ok(Self {
            condition,
            slug: slug.to_owned(),
            question: cut_to(question, QUESTION_MAX),
            end: maybe(end_name, end, parse_moment)?,
            event,
            neg_risk: neg_risk.or(event.map(|_| true)),
        })
    }
}

/// A list's flags for whether a market trades now (PROTOCOL 15.1).
pub(super) struct Open<const YES: usize> {
    /// Flags that must be true, with the fields' names.
    pub(super) yes: [Option<bool>; YES],
    pub(super) names: [&'static str; YES],
    /// Flags that must be false.
    pub(super) no: [Option<bool>; 2],
}

impl<const YES: usize> Open<YES> {
    /// Returns true if it trades. A missing flag is an error if all others say that it trades.
    pub(super) fn is_tradable(&self) -> Result<bool, ParseError> {
        if self.no.contains(&Some(true)) || self.yes.contains(&Some(false)) {
            return Ok(false);
        }
        match self.yes.iter().zip(self.names).find(|(yes, _)| yes.is_none()) {
            Some((_, field)) => Err(ParseError::Missing { field }),
            None => Ok(true),
        }
    }
}

/// Reads a condition; `None` if it is of the other generation.
pub(super) fn condition(name: &'static str, text: &Text<'_>) -> Result<Option<ConditionId>, ParseError> {
    field(name, text, |text| if is_of_other_generation(text) { Some(None) } else { ConditionId::parse(text).map(Some) })
}

/// Reads a page of `GET /markets` and keeps the tradable markets. Conditions of 31 bytes belong to the other protocol
/// generation, whose positions we do not sign for, and are left out.
pub(crate) fn market_page(bytes: &[u8]) -> Result<Items<Tradable>, ParseError> {
    let page: Page<'_> = document(bytes)?;
    Ok(Items::read(&page.data, next_cursor(&page)?, |market: WireMarket<'_>| tradable(&market)))
}

fn tradable(market: &WireMarket<'_>) -> Result<Option<Tradable>, ParseError> {
    let open = Open {
        yes: [
            flag("enable_order_book", &market.enable_order_book)?,
            flag("active", &market.active)?,
            flag("accepting_orders", &market.accepting_orders)?,
        ],
        names: ["enable_order_book", "active", "accepting_orders"],
        no: [flag("closed", &market.closed)?, flag("archived", &market.archived)?],
    };
    if !open.is_tradable()? {
        return Ok(None);
    }
    let neg_risk_fields = (flag("neg_risk", &market.neg_risk)?, ("neg_risk_market_id", &market.neg_risk_market_id));
    let words = (text_field("market_slug", &market.market_slug)?, text_field("question", &market.question)?);
    let Some(condition) = condition("condition_id", &market.condition_id)? else { return Ok(None) };
    Tradable::new(condition, words, ("end_date_iso", &market.end_date_iso), neg_risk_fields).map(Some)
}

/// Reads the payout per share of each of a market's tokens; `None` while it is not known. A market closed without a
/// winner is not resolved, unless the venue calls it a draw.
pub(crate) fn resolution(bytes: &[u8], tokens: &[TokenId; 2]) -> Result<Option<[Usd; 2]>, ParseError> {
    let wire: Ending<'_> = document(bytes)?;
    let endings: Vec<EndingToken<'_>> = list("tokens", &wire.tokens)?.unwrap_or_default();
    let won = |token: &TokenId| {
        let ending =
            endings.iter().find(|ending| ending.token_id.scalar().and_then(TokenId::parse).as_ref() == Some(token));
        ending.ok_or(ParseError::Missing { field: "tokens" }).and_then(|ending| required_flag("winner", &ending.winner))
    };
    let [yes, no] = tokens;
    let half = Usd(Usd::dollars(1).micros() / 2);
    let draw = flag("is_50_50_outcome", &wire.is_50_50_outcome)? == Some(true);
    Ok(match (required_flag("closed", &wire.closed)?, won(yes)?, won(no)?) {
        (true, true, false) => Some([Usd::dollars(1), Usd::ZERO]),
        (true, false, true) => Some([Usd::ZERO, Usd::dollars(1)]),
        (true, false, false) if draw => Some([half, half]),
        _ => None,
    })
}

/// Reads `GET /clob-markets/{condition}` and joins it with the list's data. Fields that decide for which contract an
/// order is signed, or its cost, must be valid, and both sources must agree: a market is skipped rather than traded
/// with a default.
pub(crate) fn clob_market(bytes: &[u8], listed: Tradable) -> Result<Market, ParseError> {
    let wire: ClobMarket<'_> = document(bytes)?;
    let tokens: Vec<ClobToken<'_>> = list("t", &wire.t)?.unwrap_or_default();
    let [yes, no] = &tokens[..] else { return Err(ParseError::Missing { field: "t" }) };
    if maybe("c", &wire.c, ConditionId::parse)?.is_some_and(|stated| stated != listed.condition) {
        return Err(ParseError::invalid("c", wire.c.as_str().as_bytes()));
    }
    // It is absent where it is false (PROTOCOL 7.4).
    let neg_risk = flag("nr", &wire.nr)?.unwrap_or(false);
    if listed.neg_risk.is_some_and(|stated| stated != neg_risk) {
        return Err(ParseError::invalid("nr (contradicts the list)", wire.nr.as_str().as_bytes()));
    }
    let outcome = |token: &ClobToken<'_>| text_field("t.o", &token.o).map(|name| cut_to(name, OUTCOME_MAX));
    Ok(Market {
        condition: listed.condition,
        tokens: [token(&yes.t)?, token(&no.t)?],
        outcomes: [outcome(yes)?, outcome(no)?],
        slug: listed.slug,
        question: listed.question,
        tick: field("mts", &wire.mts, TickSize::parse)?,
        min_size: field("mos", &wire.mos, Size::parse)?,
        neg_risk,
        event: listed.event,
        fee: fee(&wire)?,
        end: listed.end,
    })
}

/// Reads the fee; there is none if the market has no `fd` (PROTOCOL 7.4). An unsupported formula is an error: the
/// market is skipped instead of traded on a guess.
fn fee(wire: &ClobMarket<'_>) -> Result<FeeRate, ParseError> {
    if wire.fd.is_absent() {
        return Ok(FeeRate::default());
    }
    let read = wire.fd.nested().filter(|json| json.starts_with('{')).and_then(|json| serde_json::from_str(json).ok());
    let fee: ClobFee<'_> = read.ok_or_else(|| ParseError::invalid("fd", wire.fd.as_str().as_bytes()))?;
    let rate_micros = field("fd.r", &fee.r, |text| u32::try_from(parse_micros(text)?).ok())?;
    if rate_micros == 0 {
        return Ok(FeeRate::default());
    }
    maybe("fd.e", &fee.e, |text| (parse_micros(text)? == u64::from(SCALE)).then_some(()))?;
    if flag("fd.to", &fee.to)? == Some(false) {
        return Err(ParseError::invalid("fd.to", b"false"));
    }
    Ok(FeeRate { rate_micros })
}

fn venue_order(wire: &Order<'_>) -> Result<VenueOrder, ParseError> {
    let status = field("status", &wire.status, status)?;
    Ok(VenueOrder {
        id: field("id", &wire.id, VenueOrderId::parse)?,
        status,
        token: token(&wire.asset_id)?,
        side: field("side", &wire.side, side)?,
        price: price(&wire.price)?,
        original: field("original_size", &wire.original_size, Size::parse)?,
        matched: matched(status, &wire.size_matched)?,
        created_at: maybe("created_at", &wire.created_at, parse_time)?.unwrap_or_default(),
    })
}

/// Reads one order; for an order that is done the venue returns an empty body or null.
pub(crate) fn open_order(bytes: &[u8]) -> Result<Option<VenueOrder>, ParseError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let raw: &RawValue = serde_json::from_slice(bytes)?;
    let wire: Option<Order<'_>> = if raw.get() == "null" { None } else { Some(object(raw)?) };
    wire.filter(|order| !order.id.is_empty()).as_ref().map(venue_order).transpose()
}

pub(crate) fn open_order_page(bytes: &[u8]) -> Result<Items<VenueOrder>, ParseError> {
    let page: Page<'_> = document(bytes)?;
    Ok(Items::read(&page.data, next_cursor(&page)?, |order: Order<'_>| venue_order(&order).map(Some)))
}

/// Reads a page of trades; those in which we have no part are left out.
pub(crate) fn trade_page(bytes: &[u8], owner: &Owner) -> Result<Items<TradeEvent>, ParseError> {
    let page: Page<'_> = document(bytes)?;
    Ok(Items::read(&page.data, next_cursor(&page)?, |trade: Trade<'_>| trade_event(&trade, owner)))
}

pub(crate) fn balance(bytes: &[u8]) -> Result<BalanceAllowance, ParseError> {
    let wire: Balance<'_> = document(bytes)?;
    let balance = field("balance", &wire.balance, |text| text.parse().ok())?;
    let (mut allowances, mut refused) = (Vec::new(), Vec::new());
    match entries("allowances", &wire.allowances) {
        Ok(rows) => {
            for (spender, amount) in rows {
                match allowance(&spender, &amount) {
                    Ok(allowance) => allowances.push(allowance),
                    Err(error) => refused.push(Refused::entry(&spender, &error)),
                }
            }
        }
        Err(error) => refused.push(Refused::entry("allowances", &error)),
    }
    Ok(BalanceAllowance { balance, allowances, refused })
}

/// Reads a map from a field; empty if the field is absent.
fn entries<'t>(name: &'static str, text: &'t Text<'_>) -> Result<BTreeMap<String, Text<'t>>, ParseError> {
    if text.is_absent() {
        return Ok(BTreeMap::new());
    }
    let map = text.nested().and_then(|json| serde_json::from_str(json).ok());
    map.ok_or_else(|| ParseError::invalid(name, text.as_str().as_bytes()))
}

fn allowance(spender: &str, amount: &Text<'_>) -> Result<(Address, u64), ParseError> {
    let address = Address::parse(spender).ok_or_else(|| ParseError::invalid("spender", spender.as_bytes()))?;
    Ok((address, field("allowance", amount, saturating)?))
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
        Tradable { condition, slug: "s".into(), question: "q".into(), end: None, event: None, neg_risk: None }
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
        let wire = json!({"balance": "25000000", "allowances": {spender.to_string(): "9".repeat(78)}});
        let read = balance(wire.to_string().as_bytes()).unwrap();
        let allowances = vec![(spender, u64::MAX)];
        assert_eq!(read, BalanceAllowance { balance: 25_000_000, allowances, refused: vec![] });
        assert!(balance(br#"{"balance":"-1"}"#).is_err());
    }

    #[test]
    fn an_odd_allowance_costs_neither_the_balance_nor_another_and_is_named() {
        let (good, odd) = (Address([7; 20]), Address([8; 20]).to_string());
        let read = |allowances: serde_json::Value| {
            let wire = json!({"balance": 5, "allowances": allowances});
            let read = balance(wire.to_string().as_bytes()).unwrap();
            assert_eq!(read.balance, 5);
            let named: Vec<String> = read.refused.iter().map(|row| format!("{}: {}", row.name, row.reason)).collect();
            (read.allowances, named)
        };
        for amount in [json!("-1"), json!("1.5"), json!(""), json!(null), json!({"is": 1}), json!(true), json!([1])] {
            let (allowances, named) = read(json!({good.to_string(): 3, odd.as_str(): amount}));
            assert_eq!(allowances, [(good, 3)], "{amount}");
            assert!(named.len() == 1 && named[0].starts_with(&format!("{odd}: field allowance is")), "{named:?}");
        }
        assert_eq!(read(json!({"x": "1"})), (vec![], vec!["x: field spender is \"x\"".to_owned()]));
        assert_eq!(read(json!([1])), (vec![], vec!["allowances: field allowances is \"[1]\"".to_owned()]));
        assert_eq!(read(json!(null)), (vec![], vec![]));
    }

    #[test]
    fn an_outcome_is_read_only_where_the_venue_is_sure() {
        let [yes, no] = [TokenId([1; 32]), TokenId([2; 32])];
        let read = |closed: bool, draw: bool, winners: [bool; 2]| {
            // The venue lists them in any order.
            let ending_token =
                |token: &TokenId, winner: bool| serde_json::json!({"token_id": token.to_string(), "winner": winner});
            let tokens = [ending_token(&no, winners[1]), ending_token(&yes, winners[0])];
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
