//! The markets that the flow invents. Names and ids belong to nobody.

use crate::rng::Rng;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use model::{ConditionId, FeeRate, Market, Size, TickSize, TokenId};

/// What is written of a market; its ids come from the seed.
struct Entry {
    slug: &'static str,
    question: &'static str,
    outcomes: [&'static str; 2],
    tick: TickSize,
    neg_risk: bool,
    fee: u32,
}

/// How many markets something is written of.
pub const INVENTED: usize = 6;

const YES_NO: [&str; 2] = ["Yes", "No"];

const ENTRIES: [Entry; INVENTED] = [
    Entry {
        slug: "mlb-har-lak-game-one",
        question: "Harbor City Gulls vs. Lakeside Foxes",
        outcomes: ["Harbor City Gulls", "Lakeside Foxes"],
        tick: TickSize::CENT,
        neg_risk: false,
        fee: 30_000,
    },
    Entry {
        slug: "nba-nor-riv-game-two",
        question: "Northport Comets vs. Riverton Kings",
        outcomes: ["Northport Comets", "Riverton Kings"],
        tick: TickSize::CENT,
        neg_risk: false,
        fee: 30_000,
    },
    Entry {
        slug: "cup-final-will-eastfield-win",
        question: "Will Eastfield United win the cup final?",
        outcomes: YES_NO,
        tick: TickSize::CENT,
        neg_risk: true,
        fee: 0,
    },
    Entry {
        slug: "btc-up-or-down-this-hour",
        question: "Bitcoin up or down this hour?",
        outcomes: ["Up", "Down"],
        tick: TickSize::CENT,
        neg_risk: false,
        fee: 70_000,
    },
    Entry {
        slug: "eth-above-five-thousand-on-friday",
        question: "Will Ethereum be above $5,000 on Friday?",
        outcomes: YES_NO,
        tick: TickSize::CENT,
        neg_risk: false,
        fee: 0,
    },
    Entry {
        slug: "sol-new-high-this-month",
        question: "Will Solana reach a new high this month?",
        outcomes: YES_NO,
        tick: TickSize::MILL,
        neg_risk: false,
        fee: 0,
    },
];

/// Returns so many invented markets with ids drawn from `rng`. Beyond those of which something is written the same is told again, with a
/// number.
pub(super) fn markets(rng: &mut Rng, count: usize) -> Vec<Market> {
    let rounds = 1_usize..;
    let entries = rounds.flat_map(|round| ENTRIES.iter().map(move |entry| (round, entry)));
    entries
        .take(count)
        .map(|(round, entry)| Market {
            condition: ConditionId(drawn(rng)),
            tokens: [TokenId(drawn(rng)), TokenId(drawn(rng))],
            outcomes: entry.outcomes.map(ToString::to_string),
            slug: numbered(entry.slug, round, |round| format!("-{round}")),
            question: numbered(entry.question, round, |round| format!(" ({round})")),
            tick: entry.tick,
            min_size: Size::shares(5),
            neg_risk: entry.neg_risk,
            event: None,
            fee: FeeRate { rate_micros: entry.fee },
            end: None,
        })
        .collect()
}

fn numbered(text: &str, round: usize, number: impl FnOnce(usize) -> String) -> String {
    let mut text = text.to_string();
    if round > 1 {
        text.push_str(&number(round));
    }
    text
}

fn drawn(rng: &mut Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    bytes
}
