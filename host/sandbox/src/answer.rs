//! Validation of a strategy's answer: prices in range, granted handles, counts within limits.

use crate::bindings::polytrader::strategy::types;
use crate::fault::{Fault, plain};
use crate::grants::Grants;
use crate::settings::Settings;
use model::event::REASON_MAX;
use model::{Intent, IntentKind, OrderId, OrderKind, Price, Quote, Side, Size, Time, TokenIx};

/// Converts the answer to a batch of `heard` events into intents.
pub(crate) fn convert(
    grants: &Grants,
    settings: &Settings,
    shown: usize,
    reaction: types::Reaction,
) -> Result<(u32, Vec<Intent>), Fault> {
    let consumed = usize::try_from(reaction.consumed).unwrap_or(usize::MAX);
    if consumed > shown || (consumed == 0 && shown > 0) {
        return Err(Fault::Answer(format!("it consumed {consumed} of {shown} events")));
    }
    if reaction.intents.len() > settings.intents_max {
        let (got, limit) = (reaction.intents.len(), settings.intents_max);
        return Err(Fault::Answer(format!("{got} intents in one answer, more than {limit}")));
    }
    let intents = reaction.intents.into_iter().map(|intent| convert_intent(grants, intent));
    Ok((reaction.consumed, intents.collect::<Result<_, _>>()?))
}

fn convert_intent(grants: &Grants, wire_intent: types::Intent) -> Result<Intent, Fault> {
    let kind = match wire_intent.what {
        types::IntentKind::Place(place) => IntentKind::Place {
            token: token(grants, place.token)?,
            side: match place.side {
                types::Side::Buy => Side::Buy,
                types::Side::Sell => Side::Sell,
            },
            price: price(place.price)?,
            size: Size(place.size),
            kind: kind(place.kind, place.until)?,
        },
        types::IntentKind::Cancel(order) => IntentKind::Cancel { order: OrderId(order) },
        types::IntentKind::CancelAll(handle) => {
            IntentKind::CancelAll { token: handle.map(|handle| token(grants, handle)).transpose()? }
        }
        types::IntentKind::Quote(quote) => IntentKind::Quote {
            token: token(grants, quote.token)?,
            bid: quote.bid.map(leg).transpose()?,
            ask: quote.ask.map(leg).transpose()?,
        },
        types::IntentKind::SetTimer(timer) => IntentKind::SetTimer { timer: timer.id, at: Time(timer.at) },
    };
    let fair = wire_intent.fair.map(price).transpose()?;
    Ok(Intent { tag: wire_intent.tag, reason: plain(&wire_intent.reason, REASON_MAX), fair, kind })
}

fn kind(wire_kind: types::OrderKind, until: Option<u64>) -> Result<OrderKind, Fault> {
    let post_only = wire_kind == types::OrderKind::GtcPostOnly;
    Ok(match (wire_kind, until) {
        (types::OrderKind::Gtc | types::OrderKind::GtcPostOnly, None) => OrderKind::Gtc { post_only },
        (types::OrderKind::Gtc | types::OrderKind::GtcPostOnly, Some(until)) => {
            let wrong = || Fault::Answer(format!("an order until {until} microseconds, which is after the year 2105"));
            let until_s = u32::try_from(Time(until).seconds()).ok().ok_or_else(wrong)?;
            OrderKind::Gtd { post_only, until_s }
        }
        (types::OrderKind::Fak, None) => OrderKind::Fak,
        (types::OrderKind::Fok, None) => OrderKind::Fok,
        (types::OrderKind::Fak | types::OrderKind::Fok, Some(until)) => {
            return Err(Fault::Answer(format!("an order that cannot rest is to end at {until}; only gtc orders may")));
        }
    })
}

fn leg(wire_quote: types::Quote) -> Result<Quote, Fault> {
    Ok(Quote { price: price(wire_quote.price)?, size: Size(wire_quote.size) })
}

fn price(micros: u32) -> Result<Price, Fault> {
    let wrong = || Fault::Answer(format!("a price of {micros} micro-dollars; prices are 1 to 999999"));
    Price::from_micros(micros).ok_or_else(wrong)
}

fn token(grants: &Grants, handle: u32) -> Result<TokenIx, Fault> {
    grants.token(handle).ok_or_else(|| Fault::Answer(format!("token {handle}, which it was not granted")))
}
