//! One stream out of several connections that bring the same: the first that brings an event wins, and what the others bring of it
//! later is known. The venue numbers nothing (PROTOCOL 12), so connections are held against each other by what they bring: each
//! has a place in the common course of a market, and is at the head if it has brought everything.
//!
//! Level changes only make sense in their order, so no connection may add to a course that it does not follow: it follows from a
//! snapshot that opened the course, or from an event that both have brought.

use model::{MarketIx, Time, TokenIx};
use std::collections::{BTreeMap, VecDeque};

/// Events of a market that are remembered. A connection that lags further begins anew.
const RECENT_MAX: usize = 64;
/// A connection that the course has not followed for so long is the one to follow: the leaders have stopped.
const STALLED_MICROS: u64 = 1_000_000;
/// The shortest time between two snapshots that are asked for because connections differ.
const ASK_EVERY_MICROS: u64 = 5_000_000;

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new: it goes on.
    New,
    /// It went on before, or this connection's past is not known; it is a proof of life all the same.
    Known,
    /// The connections bring different things: the market's books are to be asked for anew, on this connection.
    Differs,
}

/// What is to be known of an event.
#[derive(Debug, Clone, Copy)]
pub struct Brought {
    /// When it was received.
    pub at: Time,
    /// The token; for an event about both of a market's, either.
    pub token: TokenIx,
    /// The digest of its text.
    pub digest: u64,
    /// Whether it is a whole book, which needs no past.
    pub snapshot: bool,
}

/// How much each connection has brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Events that it was the first to bring.
    pub first: u64,
    /// Events that another one had brought before.
    pub later: u64,
}

/// The common course of the markets of several connections.
#[derive(Debug, Default)]
pub struct Merge {
    courses: BTreeMap<MarketIx, Course>,
    shares: Vec<Share>,
}

/// What was told of one market.
#[derive(Debug, Default)]
struct Course {
    recent: VecDeque<u64>,
    /// The number of the first of `recent`.
    first: u64,
    lines: Vec<Line>,
    /// When snapshots were asked for last because connections differ.
    asked: Time,
    /// They should have been asked for, too soon after the last time.
    owed: bool,
    /// The tokens whose next book goes on even if it is known.
    wanted: [bool; 2],
}

/// Where one connection stands in a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It has brought everything before this number.
    At(u64),
    /// Nobody knows: what it brought last, and since when nothing of it was known.
    Apart { last: Option<u64>, since: Option<Time> },
}

const APART: Line = Line::Apart { last: None, since: None };

impl Merge {
    /// Returns the merge of so many connections.
    #[must_use]
    pub fn new(lines: usize) -> Self {
        Self { courses: BTreeMap::new(), shares: vec![Share::default(); lines] }
    }

    /// Says what to do with an event that a connection brought.
    pub fn take(&mut self, line: usize, brought: Brought) -> Verdict {
        let lines = self.shares.len();
        let course = self.courses.entry(brought.token.market()).or_default();
        course.lines.resize(lines, APART);
        let verdict = course.take(line, brought);
        if let Some(share) = self.shares.get_mut(line) {
            let count = if verdict == Verdict::New { &mut share.first } else { &mut share.later };
            *count = count.saturating_add(1);
        }
        verdict
    }

    /// Forgets where a connection stood: it is lost. Returns the markets that no connection follows any more; their books are to
    /// be asked for on another one.
    pub fn lose(&mut self, line: usize, at: Time) -> Vec<MarketIx> {
        let mut left = Vec::new();
        for (market, course) in &mut self.courses {
            let led = course.is_led();
            course.set(line, APART);
            if led && !course.is_led() {
                course.begin_anew();
                course.asked = at;
                left.push(*market);
            }
        }
        left
    }

    /// Forgets where all connections stood: all books are asked for anew.
    pub fn begin_anew(&mut self) {
        self.courses.values_mut().for_each(Course::begin_anew);
    }

    /// Lets the next book of a token go on even if it is known: somebody lacks it. Returns a connection to ask for it.
    pub fn want(&mut self, token: TokenIx) -> usize {
        let course = self.courses.entry(token.market()).or_default();
        course.want(token);
        course.lines.iter().position(|line| matches!(line, Line::At(_))).unwrap_or(0)
    }

    /// Forgets a market.
    pub fn leave(&mut self, market: MarketIx) {
        self.courses.remove(&market);
    }

    /// Returns how much each connection has brought.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }
}

impl Course {
    fn take(&mut self, line: usize, brought: Brought) -> Verdict {
        match self.lines.get(line).copied().unwrap_or(APART) {
            Line::At(place) => match self.go_on(line, place, brought) {
                Verdict::Known if self.owed => self.ask(brought),
                verdict => verdict,
            },
            Line::Apart { since, .. } => self.join(line, since, brought),
        }
    }

    /// A connection that follows brings the next event.
    fn go_on(&mut self, line: usize, place: u64, brought: Brought) -> Verdict {
        if brought.snapshot && self.was_wanted(brought.token) {
            return self.cut(place);
        }
        if let Some(found) = self.find(place, brought.digest) {
            self.set(line, Line::At(found.saturating_add(1)));
            return Verdict::Known;
        }
        match (place >= self.end(), brought.snapshot) {
            (true, _) => self.append(line, brought.digest),
            (false, true) => self.cut(place),
            (false, false) => self.ask(brought),
        }
    }

    /// A connection whose past is not known brings an event.
    fn join(&mut self, line: usize, since: Option<Time>, brought: Brought) -> Verdict {
        if let Some(found) = self.find(self.first, brought.digest) {
            self.set(line, Line::At(found.saturating_add(1)));
            return Verdict::Known;
        }
        if !self.is_led() {
            if brought.snapshot {
                self.was_wanted(brought.token);
                return self.append(line, brought.digest);
            }
            return self.ask(brought);
        }
        // Its first books are as old as its beginning; they are not what the leaders say now.
        let since = if brought.snapshot { since } else { since.or(Some(brought.at)) };
        self.set(line, Line::Apart { last: Some(brought.digest), since });
        if since.is_none_or(|since| brought.at.since(since) < STALLED_MICROS) {
            return Verdict::Known;
        }
        // The leaders bring nothing of what this one brings.
        self.begin_anew();
        self.ask(brought)
    }

    /// Asks for both books, but not again and again.
    fn ask(&mut self, brought: Brought) -> Verdict {
        if self.asked != Time(0) && brought.at.since(self.asked) < ASK_EVERY_MICROS {
            self.owed = true;
            return Verdict::Known;
        }
        self.owed = false;
        self.asked = brought.at;
        self.wanted = [true; 2];
        Verdict::Differs
    }

    fn want(&mut self, token: TokenIx) {
        if let Some(wanted) = self.wanted_of(token) {
            *wanted = true;
        }
    }

    fn was_wanted(&mut self, token: TokenIx) -> bool {
        self.wanted_of(token).is_some_and(std::mem::take)
    }

    fn wanted_of(&mut self, token: TokenIx) -> Option<&mut bool> {
        self.wanted.get_mut(usize::try_from(token.outcome()).ok()?)
    }

    /// Forgets everything that was told: the next book opens the course.
    fn begin_anew(&mut self) {
        self.first = self.end();
        self.recent.clear();
        self.lines.fill(APART);
    }

    fn append(&mut self, line: usize, digest: u64) -> Verdict {
        self.recent.push_back(digest);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
            self.first = self.first.saturating_add(1);
        }
        let (first, end) = (self.first, self.end());
        for (other, place) in self.lines.iter_mut().enumerate() {
            *place = match *place {
                _ if other == line => Line::At(end),
                // It brought this very event last, so it is at the head too.
                Line::Apart { last: Some(last), .. } if last == digest => Line::At(end),
                Line::Apart { last, .. } => Line::Apart { last, since: None },
                Line::At(at) if at < first => APART,
                at @ Line::At(_) => at,
            };
        }
        Verdict::New
    }

    /// Takes a whole book, which makes sense anywhere: what came after it from others comes again, from the connection that brought
    /// it. The others do not bring it, so it is no part of the course.
    fn cut(&mut self, place: u64) -> Verdict {
        let keep = usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.recent.truncate(keep);
        self.lines.iter_mut().filter(|line| matches!(line, Line::At(at) if *at > place)).for_each(|line| *line = APART);
        Verdict::New
    }

    fn find(&self, from: u64, digest: u64) -> Option<u64> {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let found = self.recent.iter().skip(skip).position(|known| *known == digest)?;
        from.max(self.first).checked_add(u64::try_from(found).ok()?)
    }

    fn end(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.recent.len()).unwrap_or(u64::MAX))
    }

    fn is_led(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::At(_)))
    }

    fn set(&mut self, line: usize, place: Line) {
        if let Some(slot) = self.lines.get_mut(line) {
            *slot = place;
        }
    }
}

#[cfg(test)]
mod tests;
