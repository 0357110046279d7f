#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code may fail loudly"
)]

use super::*;

const MARKET: MarketIx = MarketIx(3);

fn level(at: u64, digest: u64) -> Brought {
    Brought { at: Time(1 + at * 1_000), token: MARKET.token(0), digest, snapshot: false }
}

fn book(at: u64, digest: u64) -> Brought {
    Brought { snapshot: true, ..level(at, digest) }
}

/// Returns a merge whose two connections have delivered the same book.
fn together() -> Merge {
    let mut merge = Merge::new(2);
    assert_eq!([merge.judge(0, book(0, 1)), merge.judge(1, book(0, 1))], [Verdict::New, Verdict::Known]);
    merge
}

#[test]
fn the_first_copy_wins_on_either_connection() {
    let mut merge = together();
    let verdicts = [(0, 2), (1, 2), (1, 3), (1, 4), (0, 3), (0, 4), (0, 5)]
        .map(|(line, digest)| merge.judge(line, level(1, digest)));
    use Verdict::{Known, New};
    assert_eq!(verdicts, [New, Known, New, New, Known, Known, New]);
    assert_eq!(merge.shares(), [Share { first: 3, later: 2 }, Share { first: 2, later: 2 }]);
}

#[test]
fn a_change_that_happens_twice_is_passed_on_twice() {
    let mut merge = together();
    let verdicts =
        [(0, 2), (0, 7), (0, 2), (1, 2), (1, 7), (1, 2)].map(|(line, digest)| merge.judge(line, level(1, digest)));
    use Verdict::{Known, New};
    assert_eq!(verdicts, [New, New, New, Known, Known, Known]);
}

#[test]
fn a_connection_that_comes_later_is_followed_from_what_both_have_brought() {
    let mut merge = together();
    assert_eq!(merge.judge(0, level(1, 2)), Verdict::New);
    assert!(merge.lose(1, Time(1)).is_empty(), "the other one is still aligned");
    // Its first book differs from the one that opened the sequence, and its first events are not trusted.
    assert_eq!([merge.judge(1, book(2, 20)), merge.judge(1, level(2, 3))], [Verdict::Known; 2]);
    assert_eq!(merge.judge(0, level(2, 3)), Verdict::New);
    // Now both are at the same position.
    assert_eq!([merge.judge(1, level(3, 4)), merge.judge(0, level(3, 4))], [Verdict::New, Verdict::Known]);
}

#[test]
fn when_the_leader_is_lost_the_books_are_asked_for_on_another_one() {
    let mut merge = Merge::new(2);
    assert_eq!([merge.judge(0, book(0, 1)), merge.judge(1, book(0, 9))], [Verdict::New, Verdict::Known]);
    assert_eq!(merge.lose(0, Time(1)), [MARKET]);
    // Changes without a book are not passed on; a book is, even if it equals the last one.
    assert_eq!([merge.judge(1, level(1, 2)), merge.judge(1, book(1, 1))], [Verdict::Known, Verdict::New]);
}

#[test]
fn leaders_that_stopped_are_left() {
    let mut merge = Merge::new(2);
    assert_eq!([merge.judge(0, book(0, 1)), merge.judge(1, book(0, 9))], [Verdict::New, Verdict::Known]);
    assert_eq!([merge.judge(1, level(1, 2)), merge.judge(1, level(900, 3))], [Verdict::Known; 2]);
    assert_eq!(merge.judge(1, level(1_001, 4)), Verdict::Differs);
    assert_eq!([merge.judge(1, book(1_002, 1)), merge.judge(1, level(1_003, 5))], [Verdict::New; 2]);
    assert_eq!(merge.judge(0, level(2_000, 6)), Verdict::Known, "the other one is not aligned now");
}

#[test]
fn an_event_that_one_connection_missed_makes_the_books_come_again_once() {
    let mut merge = together();
    assert_eq!(merge.judge(0, level(1, 3)), Verdict::New);
    assert_eq!([merge.judge(1, level(1, 2)), merge.judge(1, level(1, 22))], [Verdict::Differs, Verdict::Known]);
    assert_eq!(merge.judge(1, level(2, 3)), Verdict::Known, "owed, but too soon");
    assert_eq!(merge.judge(1, book(3, 30)), Verdict::New);
    // The first one has not delivered that book and never will: they are aligned nevertheless.
    assert_eq!([merge.judge(0, level(4, 4)), merge.judge(1, level(4, 4))], [Verdict::New, Verdict::Known]);
    // The due request is made once the interval has passed.
    assert_eq!(merge.judge(0, level(5_100, 5)), Verdict::New);
    assert_eq!(merge.judge(1, level(5_101, 5)), Verdict::Differs);
}

#[test]
fn a_book_that_is_wanted_goes_on_though_it_is_known() {
    let mut merge = together();
    assert_eq!(merge.judge(0, book(1, 1)), Verdict::New, "a book after a trade, with the same text by chance");
    assert_eq!(merge.judge(1, book(1, 1)), Verdict::Known);
    let line = merge.want(MARKET.token(0));
    assert_eq!(merge.judge(line, book(2, 1)), Verdict::New);
}

/// Enough prices that a lost change is not repaired by the next one.
const PRICES: usize = 200;

/// A venue with one book, whose connections lag, lose frames and break.
struct Venue {
    random: u64,
    state: [u64; PRICES],
    published: u64,
    lines: Vec<VecDeque<Frame>>,
    merge: Merge,
    received: [u64; PRICES],
    at: u64,
}

#[derive(Clone)]
struct Frame {
    digest: u64,
    what: What,
}

#[derive(Clone)]
enum What {
    Level(usize, u64),
    Book(Box<[u64; PRICES]>),
}

impl Venue {
    fn chance(&mut self, of: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % of
    }

    /// Books have the same text as long as nothing changes.
    fn book(&self) -> Frame {
        Frame { digest: self.published * 2 + 1, what: What::Book(Box::new(self.state)) }
    }

    fn change(&mut self, losing: bool) {
        self.published += 1;
        let (place, size) = (usize::try_from(self.chance(200)).unwrap(), self.chance(1_000));
        self.state[place] = size;
        let level = Frame { digest: self.published * 2, what: What::Level(place, size) };
        let frame = if self.chance(9) == 0 { self.book() } else { level };
        // Events that no aligned connection delivers are found by the book check, so all must be aligned.
        let together = |course: &Course| course.lines.iter().all(|line| *line == Line::At(course.end()));
        let quiet = self.lines.iter().all(VecDeque::is_empty);
        let followed = quiet && self.merge.courses.values().all(together);
        let loses = (losing && followed).then(|| usize::try_from(self.chance(10)).unwrap());
        for (line, queue) in self.lines.iter_mut().enumerate() {
            if loses != Some(line) {
                queue.push_back(frame.clone());
            }
        }
    }

    fn hear(&mut self, line: usize) {
        let Some(frame) = self.lines[line].pop_front() else { return };
        let snapshot = matches!(frame.what, What::Book(_));
        match self.merge.judge(line, Brought { snapshot, ..level(self.at, frame.digest) }) {
            Verdict::New => match frame.what {
                What::Level(place, size) => self.received[place] = size,
                What::Book(state) => self.received = *state,
            },
            Verdict::Known => {}
            Verdict::Differs => self.ask(line),
        }
    }

    fn ask(&mut self, line: usize) {
        let book = self.book();
        self.lines[line].push_back(book);
    }

    fn lose(&mut self, line: usize) {
        self.lines[line].clear();
        for _market in self.merge.lose(line, Time(1 + self.at * 1_000)) {
            let other = (line + 1) % self.lines.len();
            self.ask(other);
        }
        self.ask(line);
    }

    fn run(seed: u64, count: usize, breaking: bool) {
        let lines = vec![VecDeque::new(); count];
        let mut venue = Self {
            random: seed,
            state: [0; PRICES],
            published: 0,
            lines,
            merge: Merge::new(count),
            received: [0; PRICES],
            at: 0,
        };
        (0..count).for_each(|line| venue.ask(line));
        for step in 0..1_000 {
            venue.at += venue.chance(40);
            let line = usize::try_from(venue.chance(u64::try_from(count).unwrap())).unwrap();
            match venue.chance(200) {
                0 if breaking => venue.lose(line),
                100 => {
                    let asked = venue.merge.want(MARKET.token(0));
                    venue.ask(asked);
                }
                1..50 => venue.change(count > 1 && !breaking),
                // Some connections are faster at times, and some stall.
                _ if breaking && line == step / 200 => {}
                _ => (0..venue.chance(6)).for_each(|_| venue.hear(line)),
            }
        }
        // Missed events are detected with the next frames, and the request may come too soon after the last one.
        for _frame in 0..3 {
            venue.at += 6_000;
            venue.change(false);
            (0..count * 3_000).for_each(|turn| venue.hear(turn % count));
        }
        assert_eq!(venue.received, venue.state, "seed {seed}, {count} connections, breaking: {breaking}");
    }
}

/// If both break at once, events can be lost that no other connection has.
#[test]
fn the_merged_book_is_the_venues_whatever_the_connections_do() {
    for seed in 0..1_000 {
        for breaking in [true, false] {
            Venue::run(seed, 1 + usize::try_from(seed % 4).unwrap(), breaking);
        }
    }
}
