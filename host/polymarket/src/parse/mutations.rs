//! Every kind of venue message, corrupted at random places: it is read or refused, and parsing never panics. Seeds are
//! fixed, so that a failure can be repeated. The corpus consists of the venue's own samples.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

use super::shared::shared;
use super::*;
use model::ConditionId;
use order::Address;

const ROUNDS: usize = 60_000;
/// Inserted fragments: JSON punctuation and the characters of numbers.
const PIECES: [&str; 18] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "-",
    "1e999",
    "null",
    "0.",
    "\\u0000",
    "\\",
    "99999999999999999999",
    "\u{fe}",
    "true",
    "-0",
    "\"\"",
];

struct Draw(u64);

impl Draw {
    /// SplitMix64.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 32).unwrap() % end.max(1)
    }

    fn spoil(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.truncate(place),
                1 => drop(bytes.splice(place..place, PIECES[self.below(PIECES.len())].bytes())),
                2 if place < bytes.len() => bytes[place] = u8::try_from(self.below(256)).unwrap(),
                3 => {
                    // A part of it is duplicated or moved.
                    let [from, length] = [self.below(bytes.len() + 1), self.below(40)];
                    let part: Vec<u8> = bytes.iter().skip(from).take(length).copied().collect();
                    bytes.splice(place..place, part);
                }
                _ => drop(bytes.drain(place..bytes.len().min(place + self.below(20)))),
            }
        }
        bytes
    }
}

fn corpus(folder: &str) -> Option<Vec<Vec<u8>>> {
    let folder = shared(&format!("polymarket/samples/{folder}"))?;
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Directory order is unspecified; the seeded draws need a fixed order.
    paths.sort();
    Some(paths.iter().map(|path| std::fs::read(path).unwrap()).collect())
}

/// Reads corrupted samples of a folder; both results must occur, or nothing was tested.
fn spoil(folder: &str, mut reads: impl FnMut(&[u8]) -> bool) {
    let Some(corpus) = corpus(folder) else { return };
    let mut draw = Draw(7);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let whole = &corpus[draw.below(corpus.len())];
        let spoiled = draw.spoil(whole);
        if reads(&spoiled) { read += 1 } else { refused += 1 }
    }
    assert!(read > 500 && refused > 500, "{folder}: {read} read, {refused} refused");
}

#[test]
fn spoiled_frames_of_the_market_channel_are_read_or_refused() {
    let mut tokens = TokenMap::default();
    for (place, id) in [
        "80115633646367339699475248800343367663167908877586879904098815053665872762211",
        "101214106164990974020450533076709311672374551358614972805266890634958255353600",
    ]
    .iter()
    .enumerate()
    {
        let token = model::TokenIx(u32::try_from(place).unwrap());
        tokens.insert(&TokenId::parse(id).unwrap(), token).unwrap();
    }
    let mut events = Vec::new();
    spoil("ws_market", |bytes| {
        events.clear();
        parse_market(bytes, &tokens, &mut events).is_ok()
    });
}

#[test]
fn spoiled_frames_of_the_user_channel_are_read_or_refused() {
    let owner = Owner { api_key: "11111111-2222-4333-8444-555555555555".to_owned(), funder: Address([0xd9; 20]) };
    let mut events = Vec::new();
    spoil("ws_user", |bytes| {
        events.clear();
        parse_user(bytes, &owner, &mut events).is_ok()
    });
}

#[test]
fn spoiled_answers_are_read_or_refused_by_everything_that_reads_answers() {
    let owner = Owner { api_key: "11111111-2222-4333-8444-555555555555".to_owned(), funder: Address([0xd9; 20]) };
    let tokens = [TokenId([1; 32]), TokenId([2; 32])];
    let listed = || Tradable {
        condition: ConditionId([1; 32]),
        slug: "s".into(),
        question: "q".into(),
        end: None,
        event: None,
        neg_risk: None,
    };
    spoil("rest", |bytes| {
        [
            balance(bytes).is_ok(),
            book(bytes).is_ok(),
            books(bytes).is_ok(),
            clob_market(bytes, listed()).is_ok(),
            market_page(bytes).is_ok(),
            open_order(bytes).is_ok(),
            open_order_page(bytes).is_ok(),
            resolution(bytes, &tokens).is_ok(),
            trade_page(bytes, &owner).is_ok(),
        ]
        .contains(&true)
    });
}
