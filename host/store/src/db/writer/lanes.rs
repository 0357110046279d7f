//! Queued rows in lanes by importance: no lane uses the capacity of another, and none delays a more important one.

use super::super::DbWrite;
use std::collections::VecDeque;

/// The lanes, the most important first.
pub(super) const LANES: [Lane; 3] = [Lane::Fills, Lane::Orders, Lane::Refusals];

/// A class of rows of equal importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Fills and positions, with the sessions and modules that they belong to.
    Fills,
    /// Orders with their states, and breakers.
    Orders,
    /// Refusals, which only explain.
    Refusals,
}

impl Lane {
    /// Returns the lane of a row.
    pub(super) const fn of(row: &DbWrite) -> Self {
        match row {
            DbWrite::Session(_)
            | DbWrite::Fill(_)
            | DbWrite::Position(_)
            | DbWrite::Move(_)
            | DbWrite::Strategy(..) => Self::Fills,
            DbWrite::Order { .. } | DbWrite::Breaker(_) => Self::Orders,
            DbWrite::Refusal(_) => Self::Refusals,
        }
    }

    /// Returns the most rows that may wait.
    const fn room(self) -> u64 {
        match self {
            Self::Fills | Self::Orders => 16_384,
            Self::Refusals => 8_192,
        }
    }
}

/// One value for each lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByLane<T> {
    fills: T,
    orders: T,
    refusals: T,
}

impl<T> ByLane<T> {
    pub(super) const fn of(&self, lane: Lane) -> &T {
        match lane {
            Lane::Fills => &self.fills,
            Lane::Orders => &self.orders,
            Lane::Refusals => &self.refusals,
        }
    }

    pub(super) const fn of_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Fills => &mut self.fills,
            Lane::Orders => &mut self.orders,
            Lane::Refusals => &mut self.refusals,
        }
    }
}

/// The rows of all lanes, with each lane's numbers of accepted and finished rows.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    rows: ByLane<VecDeque<DbWrite>>,
    taken: ByLane<u64>,
    done: ByLane<u64>,
    closed: bool,
}

impl Lanes {
    /// Adds a row; returns false if its lane is full, or the queue is closed.
    pub(super) fn push(&mut self, row: DbWrite) -> bool {
        let lane = Lane::of(&row);
        if self.closed || self.waiting_in(lane) >= lane.room() {
            return false;
        }
        self.rows.of_mut(lane).push_back(row);
        let taken = self.taken.of_mut(lane);
        *taken = taken.saturating_add(1);
        true
    }

    /// Takes the oldest rows of a lane, at most `count`. They count towards its capacity until they are finished or put
    /// back.
    pub(super) fn take(&mut self, lane: Lane, count: usize) -> Vec<DbWrite> {
        let rows = self.rows.of_mut(lane);
        let count = count.min(rows.len());
        rows.drain(..count).collect()
    }

    /// Puts rows back in front of the newer ones.
    pub(super) fn requeue(&mut self, lane: Lane, rows: Vec<DbWrite>) {
        let all = self.rows.of_mut(lane);
        for row in rows.into_iter().rev() {
            all.push_front(row);
        }
    }

    /// Counts taken rows that were written or lost, and returns the number of finished rows of each lane.
    pub(super) const fn finish(&mut self, lane: Lane, rows: u64) -> ByLane<u64> {
        let done = self.done.of_mut(lane);
        *done = done.saturating_add(rows);
        self.done
    }

    pub(super) fn is_empty(&self, lane: Lane) -> bool {
        self.rows.of(lane).is_empty()
    }

    /// Returns the number of accepted rows of each lane since the start.
    pub(super) const fn taken(&self) -> ByLane<u64> {
        self.taken
    }

    pub(super) fn waiting(&self) -> u64 {
        LANES.into_iter().map(|lane| self.waiting_in(lane)).fold(0, u64::saturating_add)
    }

    fn waiting_in(&self, lane: Lane) -> u64 {
        self.taken.of(lane).saturating_sub(*self.done.of(lane))
    }

    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }
}
