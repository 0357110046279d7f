//! Conversion between the current contract and 0.1. A strategy of 0.1 receives tops, trades and states. An event that
//! 0.1 does not have is sent as `dropped(0)`, which means that nothing was lost, so that the strategy receives as many
//! events as the host counts.

use crate::bindings::polytrader::strategy::types as now;
use crate::bindings::since_0_1::polytrader::strategy::types as old;
use crate::pack::{PAUSED, STATUS, WORD_LAYOUT};

/// The word layout of contract 0.1.
const OLD_LAYOUT: u32 = 1;
/// Code of the blind state, which stands in for states that 0.1 does not have and keeps a strategy from trading.
const BLIND: u64 = 1;
/// Mask of the lower half of a word.
const LOW: u64 = 0xffff_ffff;

pub(crate) fn manifest(source: old::Manifest) -> now::Manifest {
    now::Manifest {
        name: source.name,
        version: source.version,
        author: source.author,
        description: source.description,
        parameter_schema: source.parameter_schema,
        markets_max: source.markets_max,
        selection: now::Selection { slugs: Vec::new(), neg_risk: false, whole_events: false },
        hears: now::Subscription { tops: true, trades: true, depth: 0 },
        every: 0,
        word_layout: if source.word_layout == OLD_LAYOUT { WORD_LAYOUT } else { source.word_layout },
    }
}

pub(crate) fn session(session: &now::Session) -> old::Session {
    old::Session {
        now: session.now,
        parameters: session.parameters.clone(),
        markets: session.markets.iter().map(market).collect(),
        positions: session.positions.iter().map(position).collect(),
        orders: session.orders.iter().map(open_order).collect(),
        limits: old::Limits {
            max_order: session.limits.max_order,
            max_market: session.limits.max_market,
            max_open_orders: session.limits.max_open_orders,
        },
        restored: session.restored.clone(),
    }
}

fn market(market: &now::Market) -> old::Market {
    let token = |token: &now::Token| old::Token { handle: token.handle, outcome: token.outcome.clone() };
    old::Market {
        slug: market.slug.clone(),
        question: market.question.clone(),
        yes: token(&market.yes),
        no: token(&market.no),
        tick: market.tick,
        min_size: market.min_size,
        fee_rate: market.fee_rate,
        end: market.end,
    }
}

fn position(position: &now::Position) -> old::Position {
    let now::Position { token, size, cost } = *position;
    old::Position { token, size, cost }
}

fn open_order(order: &now::OpenOrder) -> old::OpenOrder {
    let now::OpenOrder { order, tag, token, side: of, price, size, filled, state: at } = *order;
    old::OpenOrder { order, tag, token, side: side(of), price, size, filled, state: state(at) }
}

pub(crate) fn batch(batch: &now::Batch) -> old::Batch {
    let own = batch.own.iter().map(|own| old::OwnEvent { after: own.after, at: own.at, what: own_kind(&own.what) });
    old::Batch { first: batch.first, words: words(&batch.words), own: own.collect() }
}

/// Converts words to layout 1: the same, except that a paused market is sent as blind. A reader of layout 1 ignores the
/// rest of a status.
fn words(words: &[u64]) -> Vec<u64> {
    let mut out = words.to_vec();
    let mut rest = out.as_mut_slice();
    while let Some(head) = rest.first().copied() {
        let [kind, count, ..] = head.to_be_bytes();
        // Events of the host have at least one word; the minimum of one prevents an endless loop.
        let Some((event, after)) = rest.split_at_mut_checked(usize::from(count.max(1))) else { break };
        if u64::from(kind) == STATUS
            && let Some(state) = event.get_mut(3)
            && *state >> 32 == PAUSED
        {
            *state = BLIND << 32 | (*state & LOW);
        }
        rest = after;
    }
    out
}

fn own_kind(what: &now::OwnKind) -> old::OwnKind {
    match what {
        now::OwnKind::Order(order) => {
            let now::OrderEvent { order, tag, token, side: of, price, size, filled, state: at } = *order;
            let (side, state) = (side(of), state(at));
            old::OwnKind::Order(old::OrderEvent { order, tag, token, side, price, size, filled, state })
        }
        now::OwnKind::Fill(fill) => {
            let now::FillEvent { order, tag, token, side: of, price, size, fee, .. } = *fill;
            old::OwnKind::Fill(old::FillEvent { order, tag, token, side: side(of), price, size, fee })
        }
        now::OwnKind::Refused(refused) => old::OwnKind::Refused(old::RefusedEvent {
            tag: refused.tag,
            rule: refused.rule.clone(),
            value: refused.value,
            limit: refused.limit,
        }),
        now::OwnKind::Position(of) => old::OwnKind::Position(position(of)),
        now::OwnKind::Timer(timer) => old::OwnKind::Timer(*timer),
        // Contract 0.1 has only the on/off state of trading; refusals report every other restriction.
        now::OwnKind::Session(state) => {
            old::OwnKind::Trading(!matches!(state, now::SessionState::Paused | now::SessionState::Stopped))
        }
        now::OwnKind::Dropped(count) => old::OwnKind::Dropped(*count),
        now::OwnKind::Settlement(_) | now::OwnKind::Parameters(_) | now::OwnKind::Signal(_) => old::OwnKind::Dropped(0),
    }
}

pub(crate) fn reaction(source: old::Reaction) -> now::Reaction {
    now::Reaction { consumed: source.consumed, intents: source.intents.into_iter().map(intent).collect() }
}

fn intent(source: old::Intent) -> now::Intent {
    let leg = |leg: old::Quote| now::Quote { price: leg.price, size: leg.size };
    let what = match source.what {
        old::IntentKind::Place(place) => now::IntentKind::Place(now::Place {
            token: place.token,
            side: match place.side {
                old::Side::Buy => now::Side::Buy,
                old::Side::Sell => now::Side::Sell,
            },
            price: place.price,
            size: place.size,
            kind: match place.kind {
                old::OrderKind::Gtc => now::OrderKind::Gtc,
                old::OrderKind::GtcPostOnly => now::OrderKind::GtcPostOnly,
                old::OrderKind::Fak => now::OrderKind::Fak,
                old::OrderKind::Fok => now::OrderKind::Fok,
            },
            until: place.until,
        }),
        old::IntentKind::Cancel(order) => now::IntentKind::Cancel(order),
        old::IntentKind::CancelAll(token) => now::IntentKind::CancelAll(token),
        old::IntentKind::Quote(quote) => now::IntentKind::Quote(now::SetQuote {
            token: quote.token,
            bid: quote.bid.map(leg),
            ask: quote.ask.map(leg),
        }),
        old::IntentKind::SetTimer(timer) => now::IntentKind::SetTimer(now::Timer { id: timer.id, at: timer.at }),
    };
    now::Intent { tag: source.tag, reason: source.reason, fair: source.fair, what }
}

const fn side(side: now::Side) -> old::Side {
    match side {
        now::Side::Buy => old::Side::Buy,
        now::Side::Sell => old::Side::Sell,
    }
}

const fn state(state: now::OrderState) -> old::OrderState {
    match state {
        now::OrderState::Pending => old::OrderState::Pending,
        now::OrderState::Live => old::OrderState::Live,
        now::OrderState::PartlyFilled => old::OrderState::PartlyFilled,
        now::OrderState::Filled => old::OrderState::Filled,
        now::OrderState::Cancelled => old::OrderState::Cancelled,
        now::OrderState::Refused => old::OrderState::Refused,
        now::OrderState::Unknown => old::OrderState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_market_is_sent_as_a_blind_one_and_other_words_stay() {
        let top = [0x0106_0000_0000_0005, 10, 11, 3 << 32, 7, 8];
        let status = |state: u64| [0x0305_0000_0000_0005, 10, 11, state << 32 | 10_000, 0];
        let all = |state| [top.as_slice(), &status(state), &top].concat();
        assert_eq!(words(&all(3)), all(1));
        for state in [0, 1, 2] {
            assert_eq!(words(&all(state)), all(state));
        }
    }

    #[test]
    fn an_event_without_a_counterpart_is_sent_as_nothing_that_was_lost() {
        let converted = own_kind(&now::OwnKind::Parameters("{}".into()));
        assert!(matches!(converted, old::OwnKind::Dropped(0)), "{converted:?}");
        let converted = |state| own_kind(&now::OwnKind::Session(state));
        assert!(matches!(converted(now::SessionState::ReduceOnly), old::OwnKind::Trading(true)));
        assert!(matches!(converted(now::SessionState::Paused), old::OwnKind::Trading(false)));
    }
}
