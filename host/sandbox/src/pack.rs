//! Market events as words; the layout stands in `sdk/wit/strategy.wit`.

use model::{Level, MarketNote, MarketState, NoteKind, Side};

/// The layout that this host writes.
pub const WORD_LAYOUT: u32 = 1;

/// Appends an event about the token of this handle.
pub fn pack(note: &MarketNote, handle: u32, words: &mut Vec<u64>) {
    let mut put = |kind: u64, body: &[u64]| {
        let count = u64::try_from(body.len()).unwrap_or(0).saturating_add(3);
        words.push(kind << 56 | count << 48 | u64::from(handle));
        words.push(note.venue_time.0);
        words.push(note.host_time.0);
        words.extend_from_slice(body);
    };
    match note.kind {
        NoteKind::Top { bid, ask } => {
            let price = |level: Option<Level>| level.map_or(0, |level| u64::from(level.price.micros()));
            let size = |level: Option<Level>| level.map_or(0, |level| level.size.0);
            put(1, &[price(bid) << 32 | price(ask), size(bid), size(ask)]);
        }
        NoteKind::Trade { side, price, size } => {
            let side = match side {
                Side::Buy => 0,
                Side::Sell => 1u64,
            };
            put(2, &[side << 32 | u64::from(price.micros()), size.0]);
        }
        NoteKind::Status { tick, state } => {
            let state = match state {
                MarketState::Open => 0,
                MarketState::Blind => 1,
                MarketState::Resolved => 2u64,
            };
            put(3, &[state << 32 | u64::from(tick.micros())]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Price, Size, TickSize, Time, TokenIx};

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
        let status = packed(NoteKind::Status { tick: TickSize::CENT, state: MarketState::Resolved });
        assert_eq!(status, [0x0304_0000_0000_0005, 10, 11, 2 << 32 | 10_000]);
    }
}
