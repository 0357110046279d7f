#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

mod conversions;
mod delayed_orders;
mod properties;
mod stories;

use super::*;
use model::{EventId, FeeRate, NewOrder, OrderId, OrderKind, StrategyId, Time};

const NOW: Time = Time(1_000_000);
const YES: TokenIx = TokenIx(0);
const NO: TokenIx = TokenIx(1);
const GTC: OrderKind = OrderKind::Gtc { post_only: false };
const POST_ONLY: OrderKind = OrderKind::Gtc { post_only: true };

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).unwrap()
}

fn id(number: u64) -> VenueOrderId {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    VenueOrderId(bytes)
}

fn order(number: u64, token: TokenIx, side: Side, cents: u32, shares: u64, kind: OrderKind) -> Order {
    order_of(number, token, side, cents, Size::shares(shares), kind)
}

fn order_of(number: u64, token: TokenIx, side: Side, cents: u32, size: Size, kind: OrderKind) -> Order {
    let (price, strategy) = (price(cents), StrategyId(1));
    Order::signed(id(number), &NewOrder { id: OrderId(1), strategy, tag: 0, token, side, price, size, kind })
}

/// Returns a market with a fee of 0.07.
fn market(number: u32, event: Option<EventId>) -> Market {
    Market { neg_risk: event.is_some(), event, fee: FeeRate { rate_micros: 70_000 }, ..testkit::market(number) }
}

/// Returns a venue of one market, and `accounts` accounts that hold `dollars` and as many shares of each token.
fn venue(accounts: u32, dollars: u32) -> (Venue, Vec<AccountId>) {
    let mut venue = Venue::new();
    venue.add_market(market(1, None)).unwrap();
    let accounts: Vec<_> =
        (0..accounts).map(|_| venue.open_account(Usd::dollars(i64::from(dollars))).unwrap()).collect();
    for account in &accounts {
        venue.grant(*account, YES, Size::shares(u64::from(dollars))).unwrap();
        venue.grant(*account, NO, Size::shares(u64::from(dollars))).unwrap();
    }
    (venue, accounts)
}

fn trades(events: &[Event]) -> Vec<&Trade> {
    events.iter().filter_map(|event| if let Event::Trade(trade) = event { Some(trade) } else { None }).collect()
}
