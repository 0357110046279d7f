//! Packing of market events into words; `sdk/wit/strategy.wit` defines the layout.

use model::{Depth, Level, MarketNote, MarketState, NoteKind, Side};

/// The word layout that this host writes.
pub const WORD_LAYOUT: u32 = 2;

const TOP: u64 = 1;
const TRADE: u64 = 2;
pub(crate) const STATUS: u64 = 3;
const DEPTH: u64 = 4;
/// Code of the paused state: the host takes no new risk in the market.
pub(crate) const PAUSED: u64 = 3;
/// Payout of a resolved market while it is unknown.
const UNKNOWN: u64 = 0xffff_ffff;

/// Appends an event of the token with this handle.
pub fn pack(note: &MarketNote, handle: u32, words: &mut Vec<u64>) {
    let mut put = |kind: u64, body: &[u64]| {
        let count = u64::try_from(body.len()).unwrap_or(0).saturating_add(3);
        words.push(kind << 56 | count << 48 | u64::from(handle));
        words.push(note.venue_time.0);
        words.push(note.host_time.0);
        words.extend_from_slice(body);
    };
    match &note.kind {
        NoteKind::Top { bid, ask } => {
            let price = |level: Option<Level>| level.map_or(0, |level| u64::from(level.price.micros()));
            let size = |level: Option<Level>| level.map_or(0, |level| level.size.0);
            put(TOP, &[price(*bid) << 32 | price(*ask), size(*bid), size(*ask)]);
        }
        NoteKind::Trade { side, price, size } => {
            let side = match side {
                Side::Buy => 0,
                Side::Sell => 1u64,
            };
            put(TRADE, &[side << 32 | u64::from(price.micros()), size.0]);
        }
        NoteKind::Status { tick, state, pays } => {
            let known = pays.and_then(|pays| u64::try_from(pays.0).ok()).unwrap_or(UNKNOWN);
            let (state, pays) = match state {
                MarketState::Open => (0, 0),
                MarketState::Blind => (1, 0),
                MarketState::Resolved => (2u64, known),
                MarketState::Paused => (PAUSED, 0),
            };
            put(STATUS, &[state << 32 | u64::from(tick.micros()), pays]);
        }
        NoteKind::Depth(depth) => pack_depth(note, depth, handle, words),
    }
}

/// Appends a depth event, whose length depends on the number of levels.
fn pack_depth(note: &MarketNote, depth: &Depth, handle: u32, words: &mut Vec<u64>) {
    let (bids, asks) = depth.sides();
    let [bid_count, ask_count] = [bids, asks].map(|side| u64::try_from(side.len()).unwrap_or(0));
    let count = bid_count.saturating_add(ask_count).saturating_mul(2).saturating_add(4);
    words.push(DEPTH << 56 | count << 48 | u64::from(handle));
    words.extend([note.venue_time.0, note.host_time.0, bid_count << 32 | ask_count]);
    words.extend(bids.iter().chain(asks).flat_map(|level| [level.price.micros().into(), level.size.0]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Book, DEPTH_MAX, Price, Size, TickSize, Time, TokenIx, Usd};

    fn packed(kind: NoteKind) -> Vec<u64> {
        let mut words = Vec::new();
        let note = MarketNote { token: TokenIx(1), venue_time: Time(10), host_time: Time(11), kind };
        pack(&note, 5, &mut words);
        words
    }

    #[test]
    fn events_have_the_words_of_the_contract() {
        let level = |micros, size| Some(Level { price: Price::from_micros(micros).unwrap(), size: Size(size) });
        let top = packed(NoteKind::Top { bid: level(400_000, 7), ask: level(420_000, 8) });
        assert_eq!(top, [0x0106_0000_0000_0005, 10, 11, 400_000 << 32 | 420_000, 7, 8]);
        let empty = packed(NoteKind::Top { bid: None, ask: None });
        assert_eq!(empty, [0x0106_0000_0000_0005, 10, 11, 0, 0, 0]);
        let price = Price::from_micros(9).unwrap();
        let trade = packed(NoteKind::Trade { side: Side::Sell, price, size: Size(3) });
        assert_eq!(trade, [0x0205_0000_0000_0005, 10, 11, 1 << 32 | 9, 3]);
        let status = |state, pays| packed(NoteKind::Status { tick: TickSize::CENT, state, pays });
        let won = status(MarketState::Resolved, Some(Usd(1_000_000)));
        assert_eq!(won, [0x0305_0000_0000_0005, 10, 11, 2 << 32 | 10_000, 1_000_000]);
        assert_eq!(status(MarketState::Resolved, None)[4], 0xffff_ffff);
        assert_eq!(status(MarketState::Paused, None), [0x0305_0000_0000_0005, 10, 11, 3 << 32 | 10_000, 0]);
    }

    #[test]
    fn depth_has_the_words_of_the_contract_and_always_fits_their_count() {
        let level = |micros, size| Level { price: Price::from_micros(micros).unwrap(), size: Size(size) };
        let bids: Vec<Level> = (1..=50).map(|cents| level(cents * 10_000, u64::from(cents))).collect();
        let book = Book::from_levels(&bids, &[level(600_000, 7)]).unwrap();
        let two = packed(NoteKind::Depth(Depth::of(&book, 2)));
        let words = [0x040a_0000_0000_0005, 10, 11, 2 << 32 | 1, 500_000, 50, 490_000, 49, 600_000, 7];
        assert_eq!(two, words);
        assert_eq!(packed(NoteKind::Depth(Depth::of(&Book::default(), 3))), [0x0404_0000_0000_0005, 10, 11, 0]);
        let asks: Vec<Level> = (51..=90).map(|cents| level(cents * 10_000, 1)).collect();
        let full = packed(NoteKind::Depth(Depth::of(&Book::from_levels(&bids, &asks).unwrap(), DEPTH_MAX)));
        assert_eq!((full.len(), full[0] >> 48), (84, 0x0454));
    }
}
