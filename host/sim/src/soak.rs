//! The soak: the real engine against the simulated venue on a simulated clock, with faults drawn from a seed: lost
//! answers, repeated and reordered events, dead channels, restarts, failing settlements, erratic strategies, arbitrary
//! operator commands, a failing journal, and crashes. The invariants are checked after every step. The same seed and
//! number of steps always give the same run. Start reading in [`run`].

mod bridge;
mod chaos;
mod check;
mod draws;
mod host;
mod restart;
mod strategies;
mod venue;
mod wire;

use alloc::string::String;
use core::fmt;
use draws::Likelihoods;
pub use draws::{Draws, Fault};
use host::Host;
use model::Time;
use wire::World;

/// The clock at the start of every run: 2026-11-23 00:00 UTC.
const START: Time = Time(1_795_392_000_000_000);
/// Duration of the final calm in simulated time: the proof that an order does not exist takes a minute and a half.
const CALM_MICROS: u64 = 240_000_000;

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Steps taken.
    pub steps: u64,
    /// Inputs processed by the engine.
    pub inputs: u64,
    /// Orders approved.
    pub orders: u64,
    /// Fills reported by the venue.
    pub fills: u64,
    /// Number of draws of each fault.
    pub draws: Draws,
    /// Simulated microseconds.
    pub micros: u64,
}

/// An invariant that broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The run's seed.
    pub seed: u64,
    /// The step, from 1.
    pub step: u64,
    /// The violation, with numbers.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, step {}: {}", self.seed, self.step, self.what)
    }
}

/// Runs one story: `steps` steps of chaos, then calm, then the books must agree. `tell` receives the events, one line
/// each.
///
/// # Errors
/// The invariant that broke.
pub fn run(seed: u64, steps: u64, tell: &mut dyn FnMut(&str)) -> Result<Summary, Broken> {
    let mut story = Story { host: Host::new(), world: World::new(seed), tell };
    let broken = |step, what| Broken { seed, step, what };
    story.begin().map_err(|what| broken(0, what))?;
    for step in 1..=steps {
        story.step().map_err(|what| broken(step, what))?;
    }
    story.calm().map_err(|what| broken(steps, what))?;
    let summary = story.world.summary;
    Ok(Summary { steps, micros: story.world.now.since(START), ..summary })
}

/// A run in progress: the host, its environment, and the listener.
struct Story<'a> {
    host: Host,
    world: World,
    tell: &'a mut dyn FnMut(&str),
}

impl Story<'_> {
    /// Performs one step: time passes, due messages arrive, and a fault, a strategy or an operator may act.
    fn step(&mut self) -> Result<(), String> {
        self.pass_time()?;
        self.make_trouble()?;
        self.run_strategies()?;
        self.play_operator()?;
        self.check()
    }

    /// Advances time: the market moves, and all due messages arrive.
    fn pass_time(&mut self) -> Result<(), String> {
        let micros = self.world.draw_pause();
        self.world.now = self.world.now.plus_micros(micros);
        self.world.move_market();
        self.bridge_events();
        self.deliver()?;
        self.on_tick()
    }

    /// Ends the chaos, waits, and compares both sides' books.
    fn calm(&mut self) -> Result<(), String> {
        (self.tell)("calm");
        self.world.likelihoods = Likelihoods::default();
        self.recover_everything()?;
        let until = self.world.now.plus_micros(CALM_MICROS);
        while self.world.now < until {
            self.world.now = self.world.now.plus_micros(250_000);
            self.bridge_events();
            self.deliver()?;
            self.on_tick()?;
            self.check()?;
        }
        self.compare_books()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_story() {
        let mut lines = [alloc::vec::Vec::new(), alloc::vec::Vec::new()];
        let [first, second] = lines.each_mut().map(|lines| run(7, 400, &mut |line| lines.push(String::from(line))));
        assert_eq!(first, second);
        assert_eq!(lines[0], lines[1]);
        assert!(first.unwrap().orders > 0);
    }

    #[test]
    fn every_fault_is_drawn() {
        let mut draws = Draws::default();
        (1..40).for_each(|seed| draws.add_all(&run(seed, 1_000, &mut |_| ()).unwrap().draws));
        assert_eq!(draws.missing(), []);
    }
}
