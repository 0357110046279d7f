//! Plays a recording: emits the frames that are due as changes of the market's one book, in terms of its first token.
//!
//! The recorder kept the frames of both tokens, which mirror each other: a bid for one at p is an ask for the other at
//! 1 - p. The player uses those of the first token; the exchange derives the mirror itself, as the venue does.

use super::reader::{Frame, FrameKind, Recording};
use model::{Level, Price, Side, Size, TickSize};

/// Longest gap between frames, in milliseconds of the recording; longer ones are shortened, because the recorder may
/// have paused.
const SILENCE_MAX_MS: u64 = 5_000;
/// After a gap this long, a whole book starts a new session of the recorder.
const BREAK_MS: u64 = 60_000;

/// A change of the market's book, in terms of the first token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The grid becomes finer, because a price off it follows.
    Tick(TickSize),
    /// Replaces the whole book.
    Book {
        /// Bids, in any order.
        bids: Vec<Level>,
        /// Asks, in any order.
        asks: Vec<Level>,
        /// True if a new session starts: the earlier state is void, and listeners need a snapshot.
        fresh: bool,
    },
    /// Sets the total size at one price.
    Level {
        /// BUY is a bid.
        side: Side,
        /// The price.
        price: Price,
        /// The new total; zero removes the level.
        size: Size,
    },
}

/// The playback state of a recording.
#[derive(Debug)]
pub struct Player {
    frames: Vec<Frame>,
    /// Index of the next frame, and its due time in milliseconds of the recording since the start.
    next: usize,
    due_ms: u64,
    /// The venue's time of the previous frame.
    last_ms: Option<u64>,
    tick: TickSize,
}

impl Player {
    /// Returns a player positioned at the first frame.
    pub fn new(recording: &Recording) -> Self {
        let frames = recording.frames.iter().filter(|frame| frame.outcome == 0).cloned().collect();
        Self { frames, next: 0, due_ms: 0, last_ms: None, tick: TickSize::CENT }
    }

    /// Returns the current grid.
    pub fn tick(&self) -> TickSize {
        self.tick
    }

    /// Appends all steps due by `elapsed_ms`, in milliseconds of the recording since the start. At the end it restarts.
    pub fn play(&mut self, elapsed_ms: u64, steps: &mut Vec<Step>) {
        // A recording without frames plays nothing instead of looping forever.
        while let Some(frame) = self.frames.get(self.next).filter(|_| self.due_ms <= elapsed_ms) {
            let silence = self.last_ms.map_or(BREAK_MS, |last| frame.time_ms.saturating_sub(last));
            let fresh = frame.kind == FrameKind::Book && silence >= BREAK_MS;
            self.tick = write(frame, fresh, self.tick, steps);
            self.last_ms = Some(frame.time_ms);
            self.advance();
        }
    }

    fn advance(&mut self) {
        let now = self.frames.get(self.next).map_or(0, |frame| frame.time_ms);
        self.next = self.next.saturating_add(1);
        let pause = match self.frames.get(self.next) {
            Some(frame) => frame.time_ms.saturating_sub(now).min(SILENCE_MAX_MS),
            None => {
                self.next = 0;
                self.last_ms = None;
                SILENCE_MAX_MS
            }
        };
        self.due_ms = self.due_ms.saturating_add(pause);
    }
}

/// Converts a frame to steps and returns the grid after it.
fn write(frame: &Frame, fresh: bool, mut tick: TickSize, steps: &mut Vec<Step>) -> TickSize {
    for (_, price, _) in &frame.levels {
        for finer in [TickSize::MILL, TickSize::from_micros(100).unwrap_or(TickSize::MILL)] {
            if !price.is_on(tick) && finer < tick {
                tick = finer;
                steps.push(Step::Tick(tick));
            }
        }
    }
    match frame.kind {
        FrameKind::Book => {
            let side = |wanted: Side| {
                let levels = frame.levels.iter().filter(|(side, _, size)| *side == wanted && !size.is_zero());
                levels.map(|(_, price, size)| Level { price: *price, size: *size }).collect()
            };
            steps.push(Step::Book { bids: side(Side::Buy), asks: side(Side::Sell), fresh });
        }
        FrameKind::Change => steps.extend(frame.levels.iter().map(|(side, price, size)| Step::Level {
            side: *side,
            price: *price,
            size: *size,
        })),
    }
    tick
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]
mod tests {
    use super::*;
    use crate::recording::reader::read;

    fn player(rows: &str) -> Player {
        let header = "market_slug,asset_id,event_type,price,side,size,hash,timestamp\n";
        // A row of the second token makes it a market; it is not played.
        let text = format!("{header}{rows}g,22,price_change,0.5,bid,1,zz,999999\n");
        Player::new(&read(text.as_bytes()).unwrap())
    }

    fn played(player: &mut Player, elapsed_ms: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        player.play(elapsed_ms, &mut steps);
        steps
    }

    #[test]
    fn frames_come_when_they_are_due_and_silences_are_short() {
        let mut player = player(
            "g,11,book,0.40,bid,10,a,1000\n\
             g,11,price_change,0.41,bid,5,b,1200\n\
             g,11,price_change,0.41,bid,0,c,50000\n",
        );
        assert!(matches!(played(&mut player, 0).as_slice(), [Step::Book { fresh: true, .. }]));
        assert_eq!(played(&mut player, 199), []);
        let price = Price::parse("0.41").unwrap();
        let level = |shares| Step::Level { side: Side::Buy, price, size: Size::shares(shares) };
        assert_eq!(played(&mut player, 200), [level(5)]);
        assert_eq!(played(&mut player, 5_199), []);
        assert_eq!(played(&mut player, 5_200), [level(0)]);
        assert!(matches!(played(&mut player, 10_200).as_slice(), [Step::Book { fresh: true, .. }]), "it begins again");
    }

    #[test]
    fn the_grid_becomes_finer_before_the_first_price_off_it() {
        let mut player = player("g,11,book,0.96,bid,10,a,1000\ng,11,price_change,0.965,bid,5,b,1001\n");
        let steps = played(&mut player, 1);
        assert!(
            matches!(steps.as_slice(), [Step::Book { .. }, Step::Tick(TickSize::MILL), Step::Level { .. }]),
            "{steps:?}"
        );
        assert_eq!(player.tick(), TickSize::MILL);
    }

    #[test]
    fn a_book_after_a_long_silence_starts_anew_and_one_after_a_trade_does_not() {
        let rows = "g,11,book,0.40,bid,10,a,1000\ng,11,book,0.40,bid,9,b,2000\ng,11,book,0.30,bid,9,c,70000\n";
        let steps = played(&mut player(rows), 10_000);
        let fresh: Vec<bool> = steps.iter().map(|step| matches!(step, Step::Book { fresh: true, .. })).collect();
        assert_eq!(fresh[..3], [true, false, true]);
    }
}
