//! The invented markets of the flow. Names and ids are fictitious.

use crate::rng::Rng;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use model::{ConditionId, EventId, FeeRate, Market, Price, Size, TickSize, TokenId};

/// The texts of a market; its ids come from the seed.
struct Entry {
    slug: &'static str,
    question: &'static str,
    outcomes: [&'static str; 2],
    tick: TickSize,
    fee: u32,
}

/// Number of standalone markets with their own texts.
pub const INVENTED: usize = 5;
/// The most markets that a flow can invent; its event's markets are not counted.
pub const INVENTED_MAX: usize = 1_000;

const YES_NO: [&str; 2] = ["Yes", "No"];

const ENTRIES: [Entry; INVENTED] = [
    Entry {
        slug: "mlb-har-lak-game-one",
        question: "Harbor City Gulls vs. Lakeside Foxes",
        outcomes: ["Harbor City Gulls", "Lakeside Foxes"],
        tick: TickSize::CENT,
        fee: 30_000,
    },
    Entry {
        slug: "nba-nor-riv-game-two",
        question: "Northport Comets vs. Riverton Kings",
        outcomes: ["Northport Comets", "Riverton Kings"],
        tick: TickSize::CENT,
        fee: 30_000,
    },
    Entry {
        slug: "btc-up-or-down-this-hour",
        question: "Bitcoin up or down this hour?",
        outcomes: ["Up", "Down"],
        tick: TickSize::CENT,
        fee: 70_000,
    },
    Entry {
        slug: "eth-above-five-thousand-on-friday",
        question: "Will Ethereum be above $5,000 on Friday?",
        outcomes: YES_NO,
        tick: TickSize::CENT,
        fee: 0,
    },
    Entry {
        slug: "sol-new-high-this-month",
        question: "Will Solana reach a new high this month?",
        outcomes: YES_NO,
        tick: TickSize::MILL,
        fee: 0,
    },
];

/// The slug and the title of the one event with exclusive markets.
pub(super) const EVENT: (&str, &str) = ("cup-final-winner", "Who will win the cup final?");

/// Its markets, each with the home price of a YES share in micro-dollars: a dollar together. The last one covers all
/// teams that are not named.
const EXCLUSIVE: [(&str, &str, u32); 4] = [
    ("cup-final-will-eastfield-win", "Will Eastfield United win the cup final?", 360_000),
    ("cup-final-will-westbrook-win", "Will Westbrook Rovers win the cup final?", 270_000),
    ("cup-final-will-northgate-win", "Will Northgate Athletic win the cup final?", 210_000),
    ("cup-final-will-other-win", "Will another team win the cup final?", 160_000),
];

/// Returns `count` invented standalone markets, with ids drawn from `rng`. Beyond [`INVENTED`], the texts are repeated
/// with a number.
pub(super) fn markets(rng: &mut Rng, count: usize) -> Vec<Market> {
    let rounds = 1_usize..;
    let entries = rounds.flat_map(|round| ENTRIES.iter().map(move |entry| (round, entry)));
    entries
        .take(count)
        .map(|(round, entry)| {
            let mut market = market(entry, None, rng);
            if round > 1 {
                market.slug.push_str(&format!("-{round}"));
                market.question.push_str(&format!(" ({round})"));
            }
            market
        })
        .collect()
}

/// Returns the markets of the event, each with the home price of its YES share.
pub(super) fn exclusive(rng: &mut Rng) -> Vec<(Market, Price)> {
    let mut event = EventId(drawn(rng));
    // On chain, the id of an event's question is the event's id with the question's index as its last byte, so an event
    // id ends in zero.
    if let Some(last) = event.0.last_mut() {
        *last = 0;
    }
    let markets = EXCLUSIVE.iter().map(|(slug, question, home)| {
        let entry = Entry { slug, question, outcomes: YES_NO, tick: TickSize::CENT, fee: 0 };
        (market(&entry, Some(event), rng), Price::from_micros(*home).unwrap_or(Price::HALF))
    });
    markets.collect()
}

fn market(entry: &Entry, event: Option<EventId>, rng: &mut Rng) -> Market {
    Market {
        condition: ConditionId(drawn(rng)),
        tokens: [TokenId(drawn(rng)), TokenId(drawn(rng))],
        outcomes: entry.outcomes.map(ToString::to_string),
        slug: entry.slug.to_string(),
        question: entry.question.to_string(),
        tick: entry.tick,
        min_size: Size::shares(5),
        neg_risk: event.is_some(),
        event,
        fee: FeeRate { rate_micros: entry.fee },
        end: None,
    }
}

fn drawn(rng: &mut Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    bytes
}
