//! The faults of the soak: their probabilities in a run, and the number of draws of each.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A fault that the soak draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A message to the venue is lost before it arrives.
    LostRequest,
    /// An answer of the venue is lost.
    LostAnswer,
    /// A cancel sent by the host itself finds no room, so its whole market is cancelled.
    NoRoom,
    /// A message of the user channel is delivered twice.
    Repeated,
    /// A message is delayed for long.
    Slow,
    /// A matched trade fails to settle.
    FailedSettlement,
    /// A channel is lost.
    Disconnect,
    /// The venue restarts.
    Restart,
    /// The host crashes.
    Crash,
    /// The journal's disk fails.
    Disk,
    /// The clock jumps ahead.
    ClockJump,
    /// The row of the day's opening valuation is lost in a crash.
    LostValuation,
    /// The end of the journal is lost in a crash.
    TornJournal,
    /// A market BUY meets better prices than it named, and gets more shares for its dollars.
    BetterPrice,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 14] = [
        Self::LostRequest,
        Self::LostAnswer,
        Self::NoRoom,
        Self::Repeated,
        Self::Slow,
        Self::FailedSettlement,
        Self::Disconnect,
        Self::Restart,
        Self::Crash,
        Self::Disk,
        Self::ClockJump,
        Self::LostValuation,
        Self::TornJournal,
        Self::BetterPrice,
    ];

    /// Returns the fault's name in the summary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostRequest => "lost requests",
            Self::LostAnswer => "lost answers",
            Self::NoRoom => "markets cancelled for lack of room",
            Self::Repeated => "repeated messages",
            Self::Slow => "slow messages",
            Self::FailedSettlement => "failed settlements",
            Self::Disconnect => "lost channels",
            Self::Restart => "restarts of the venue",
            Self::Crash => "crashes",
            Self::Disk => "failed disks",
            Self::ClockJump => "clock jumps",
            Self::LostValuation => "lost valuations",
            Self::TornJournal => "torn journals",
            Self::BetterPrice => "market buys at better prices",
        }
    }

    /// Returns the highest probability of the fault, in ten-thousandths per step or message; 0 for a fault that follows
    /// from others.
    const fn most(self) -> u64 {
        match self {
            Self::LostRequest => 600,
            Self::LostAnswer => 900,
            Self::NoRoom | Self::Slow => 2_000,
            Self::Repeated => 1_500,
            Self::FailedSettlement => 800,
            Self::Disconnect => 60,
            Self::Restart => 25,
            Self::Crash => 50,
            Self::Disk => 6,
            Self::ClockJump => 10,
            Self::LostValuation | Self::TornJournal | Self::BetterPrice => 0,
        }
    }
}

/// The number of draws of each fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draws(BTreeMap<Fault, u64>);

impl Draws {
    /// Counts a fault.
    pub(super) fn count(&mut self, fault: Fault) {
        self.add(fault, 1);
    }

    /// Adds the draws of another run.
    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(fault, count)| self.add(*fault, *count));
    }

    fn add(&mut self, fault: Fault, count: u64) {
        let all = self.0.entry(fault).or_default();
        *all = all.saturating_add(count);
    }

    /// Returns the number of draws of a fault.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// Returns the faults that were never drawn.
    pub fn missing(&self) -> Vec<Fault> {
        Fault::ALL.into_iter().filter(|fault| self.of(*fault) == 0).collect()
    }
}

/// The probability of each fault in a run, in ten-thousandths per step or message.
#[derive(Debug, Clone, Default)]
pub(super) struct Likelihoods(BTreeMap<Fault, u64>);

impl Likelihoods {
    /// Draws the probabilities of a run: each run is calm in some respects and wild in others, so that rare faults get
    /// long stretches.
    pub(super) fn draw(mut below: impl FnMut(u64) -> u64) -> Self {
        let mut level = |most: u64| if below(3) == 0 { 0 } else { below(most.saturating_add(1)) };
        Self(
            Fault::ALL.into_iter().filter(|fault| fault.most() > 0).map(|fault| (fault, level(fault.most()))).collect(),
        )
    }

    /// Returns the probability of a fault.
    pub(super) fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_runs_add_up_and_name_what_is_missing() {
        let mut all = Draws::default();
        assert_eq!(all.missing(), Fault::ALL);
        let mut one = Draws::default();
        one.count(Fault::Crash);
        one.count(Fault::Crash);
        all.add_all(&one);
        all.add_all(&one);
        assert_eq!(all.of(Fault::Crash), 4);
        assert!(!all.missing().contains(&Fault::Crash) && all.missing().len() == Fault::ALL.len() - 1);
    }
}
