//! Amounts, ids, times, orders and markets.

use super::{Bytes, DecodeError, Field, What, structure, variants};
use alloc::vec::Vec;
use model::{
    ConditionId, EventId, FeeRate, Level, Limits, Market, MarketIx, NewOrder, OrderId, OrderKind, OrderState, Price,
    Seq, SessionId, Side, Size, StrategyId, TickSize, Time, TokenId, TokenIx, TradeId, Usd, VenueOrderId,
};

macro_rules! newtype {
    ($($type:ty),* $(,)?) => {$(
        impl Field for $type {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
                Field::take(bytes).map(Self)
            }
        }
    )*};
}

newtype!(
    Size,
    Usd,
    Time,
    Seq,
    SessionId,
    MarketIx,
    TokenIx,
    OrderId,
    StrategyId,
    TradeId,
    ConditionId,
    EventId,
    VenueOrderId,
    TokenId
);

macro_rules! checked {
    ($type:ty, $name:literal) => {
        impl Field for $type {
            fn put(&self, out: &mut Vec<u8>) {
                self.micros().put(out);
            }

            fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
                let micros = u32::take(bytes)?;
                Self::from_micros(micros).ok_or_else(|| bytes.error(What::Value(micros.into(), $name)))
            }
        }
    };
}

checked!(Price, "price");
checked!(TickSize, "tick size");

variants!(Side, "side" { 0 => Buy, 1 => Sell });
variants!(OrderKind, "kind of order" { 0 => Gtc { post_only }, 1 => Fak, 2 => Fok, 3 => Gtd { post_only, until_s } });
variants!(OrderState, "order state" {
    0 => Pending,
    1 => Live,
    2 => PartlyFilled,
    3 => Filled,
    4 => Cancelled,
    5 => Refused,
    6 => Unknown,
});
structure!(NewOrder { id, strategy, tag, token, side, price, size, kind });
structure!(Level { price, size });
structure!(FeeRate { rate_micros });
structure!(Limits {
    portfolio_trade_bps,
    max_order,
    max_order_size,
    max_market,
    max_event,
    max_gross_bps,
    max_resting_bps,
    cash_reserve_bps,
    max_strategy_bps,
    max_open_positions,
    max_strategy_loss,
    max_losing_trips,
    max_jump,
    min_edge,
    probation_micros,
    daily_loss,
    max_drawdown_bps,
    take_profit_bps,
    stop_loss_bps,
    price_collar_bps,
    max_slippage_ticks,
    max_depth_bps,
    max_open_orders,
    max_market_orders,
    max_orders_per_minute,
    max_strategy_orders_per_minute,
    max_repeats,
    max_fills_per_minute,
    min_time_to_end_micros,
    exit_orphans,
    stale_after_micros,
});

impl Field for Market {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { condition, tokens, outcomes, slug, question, tick, min_size, neg_risk, event, fee, end } = self;
        condition.put(out);
        tokens.iter().for_each(|token| token.put(out));
        outcomes.iter().for_each(|outcome| outcome.put(out));
        slug.put(out);
        question.put(out);
        tick.put(out);
        min_size.put(out);
        neg_risk.put(out);
        event.put(out);
        fee.put(out);
        end.put(out);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            condition: Field::take(bytes)?,
            tokens: [Field::take(bytes)?, Field::take(bytes)?],
            outcomes: [Field::take(bytes)?, Field::take(bytes)?],
            slug: Field::take(bytes)?,
            question: Field::take(bytes)?,
            tick: Field::take(bytes)?,
            min_size: Field::take(bytes)?,
            neg_risk: Field::take(bytes)?,
            event: Field::take(bytes)?,
            fee: Field::take(bytes)?,
            end: Field::take(bytes)?,
        })
    }
}

impl Field for [Usd; 2] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|amount| amount.put(out));
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        Ok([Field::take(bytes)?, Field::take(bytes)?])
    }
}
