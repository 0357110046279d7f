//! Merges several connections that carry the same stream: the first copy of an event is passed on, later copies are
//! recognized. The venue has no sequence numbers (PROTOCOL 12), so connections are aligned by content: each has a
//! position in a market's merged sequence, and is at its head if it has delivered every event.
//!
//! Level changes are only valid in order, so a connection may only extend a sequence that it is aligned with: after a
//! snapshot that opened the sequence, or after an event that the sequence already has.

use model::{MarketIx, Time, TokenIx};
use std::collections::{BTreeMap, VecDeque};

/// Maximum remembered events per market. A connection that lags further must be realigned.
const RECENT_MAX: usize = 64;
/// If an unaligned connection has delivered events for this long without one of them in the sequence, the aligned ones
/// have stalled and it takes over.
const STALLED_MICROS: u64 = 1_000_000;
/// Minimum time between two snapshot requests for diverging connections.
const ASK_EVERY_MICROS: u64 = 5_000_000;

/// The treatment of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new: pass it on.
    New,
    /// It was passed on before, or the connection is not aligned; either way it proves that the connection is alive.
    Known,
    /// The connections diverge: request fresh books of the market on this connection.
    Differs,
}

/// The properties of an event that the merge needs.
#[derive(Debug, Clone, Copy)]
pub struct Brought {
    /// Receive time.
    pub at: Time,
    /// The token; for an event about both tokens of a market, either one.
    pub token: TokenIx,
    /// The digest of its text.
    pub digest: u64,
    /// True if it is a whole book, which needs no alignment.
    pub snapshot: bool,
}

/// Event counts of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Events that it delivered first.
    pub first: u64,
    /// Events that another connection had delivered before.
    pub later: u64,
}

/// The merged sequences of the markets of several connections.
#[derive(Debug, Default)]
pub struct Merge {
    courses: BTreeMap<MarketIx, Course>,
    shares: Vec<Share>,
}

/// The merged sequence of one market.
#[derive(Debug, Default)]
struct Course {
    recent: VecDeque<u64>,
    /// The sequence number of the first of `recent`.
    first: u64,
    lines: Vec<Line>,
    /// Time of the last snapshot request because of diverging connections.
    asked: Time,
    /// True if a snapshot request is due but came too soon after the last one.
    owed: bool,
    /// The tokens whose next book is passed on even if it is known.
    wanted: [bool; 2],
}

/// The position of one connection in a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It has delivered everything before this number.
    At(u64),
    /// Not aligned: the last event that it delivered, and the time since when none of its events was known.
    Apart { last: Option<u64>, since: Option<Time> },
}

const APART: Line = Line::Apart { last: None, since: None };

impl Merge {
    /// Returns the merge of `lines` connections.
    #[must_use]
    pub fn new(lines: usize) -> Self {
        Self { courses: BTreeMap::new(), shares: vec![Share::default(); lines] }
    }

    /// Decides how to treat an event from a connection.
    pub fn judge(&mut self, line: usize, brought: Brought) -> Verdict {
        let lines = self.shares.len();
        let course = self.courses.entry(brought.token.market()).or_default();
        course.lines.resize(lines, APART);
        let verdict = course.judge(line, brought);
        if let Some(share) = self.shares.get_mut(line) {
            let count = if verdict == Verdict::New { &mut share.first } else { &mut share.later };
            *count = count.saturating_add(1);
        }
        verdict
    }

    /// Resets the position of a lost connection. Returns the markets that have no aligned connection left; their books
    /// must be requested on another one.
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

    /// Resets the positions of all connections: all books must be requested again.
    pub fn begin_anew(&mut self) {
        self.courses.values_mut().for_each(Course::begin_anew);
    }

    /// Passes on the next book of a token even if it is known, because a consumer lacks it. Returns a connection to
    /// request it on.
    pub fn want(&mut self, token: TokenIx) -> usize {
        let course = self.courses.entry(token.market()).or_default();
        course.want(token);
        course.lines.iter().position(|line| matches!(line, Line::At(_))).unwrap_or(0)
    }

    /// Removes a market.
    pub fn leave(&mut self, market: MarketIx) {
        self.courses.remove(&market);
    }

    /// Returns the event counts of each connection.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }
}

impl Course {
    fn judge(&mut self, line: usize, brought: Brought) -> Verdict {
        match self.lines.get(line).copied().unwrap_or(APART) {
            Line::At(place) => match self.go_on(line, place, brought) {
                Verdict::Known if self.owed => self.request_books(brought),
                verdict => verdict,
            },
            Line::Apart { since, .. } => self.join(line, since, brought),
        }
    }

    /// Handles an event from an aligned connection.
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
            (false, false) => self.request_books(brought),
        }
    }

    /// Handles an event from a connection that is not aligned.
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
            return self.request_books(brought);
        }
        // Its first books date from its start; they do not show what the aligned connections deliver now.
        let since = if brought.snapshot { since } else { since.or(Some(brought.at)) };
        self.set(line, Line::Apart { last: Some(brought.digest), since });
        if since.is_none_or(|since| brought.at.since(since) < STALLED_MICROS) {
            return Verdict::Known;
        }
        // The aligned connections deliver none of this connection's events.
        self.begin_anew();
        self.request_books(brought)
    }

    /// Requests both books, at most once per interval.
    fn request_books(&mut self, brought: Brought) -> Verdict {
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

    /// Clears the sequence: the next book opens it.
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
                // It delivered this same event last, so it is at the head too.
                Line::Apart { last: Some(last), .. } if last == digest => Line::At(end),
                Line::Apart { last, .. } => Line::Apart { last, since: None },
                Line::At(at) if at < first => APART,
                at @ Line::At(_) => at,
            };
        }
        Verdict::New
    }

    /// Cuts the sequence at a whole book, which is valid anywhere: later events of other connections are delivered
    /// again by the connection that sent the book. The others do not deliver this book, so it is not a part of the
    /// sequence.
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
