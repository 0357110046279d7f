//! What goes wrong, how often, and for how long.

use super::Story;
use super::wire::Delivery;
use alloc::string::String;
use model::Body;
use model::input::{Channel, HostFault};

/// How likely each fault is, in ten-thousandths a step or a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// A message to the venue is lost before it arrives.
    pub(super) lost_on_the_way: u64,
    /// An answer of the venue is lost.
    pub(super) lost_answer: u64,
    /// There is no room for a cancel of the host's own, so its market is cancelled.
    pub(super) no_room: u64,
    /// A message of the user channel comes twice.
    pub(super) repeated: u64,
    /// A message takes long.
    pub(super) slow: u64,
    /// A matched trade fails to settle.
    pub(super) failed_settlement: u64,
    /// A channel is lost, each step.
    pub(super) disconnect: u64,
    /// The venue restarts, each step.
    pub(super) restart: u64,
    /// The host crashes, each step.
    pub(super) crash: u64,
    /// The journal's disk fails, each step.
    pub(super) disk: u64,
    /// The clock jumps, each step.
    pub(super) clock: u64,
}

impl Faults {
    /// Nothing goes wrong.
    pub(super) const fn none() -> Self {
        Self {
            lost_on_the_way: 0,
            lost_answer: 0,
            no_room: 0,
            repeated: 0,
            slow: 0,
            failed_settlement: 0,
            disconnect: 0,
            restart: 0,
            crash: 0,
            disk: 0,
            clock: 0,
        }
    }

    /// Draws a temper for a run: some runs are calm in one way and wild in another, so that rare things get long stretches.
    pub(super) fn draw(mut below: impl FnMut(u64) -> u64) -> Self {
        let mut level = |most: u64| if below(3) == 0 { 0 } else { below(most.saturating_add(1)) };
        Self {
            lost_on_the_way: level(600),
            lost_answer: level(900),
            no_room: level(2_000),
            repeated: level(1_500),
            slow: level(2_000),
            failed_settlement: level(800),
            disconnect: level(60),
            restart: level(25),
            crash: level(50),
            disk: level(6),
            clock: level(10),
        }
    }
}

impl Story<'_> {
    /// Breaks something, perhaps.
    pub(super) fn make_trouble(&mut self) -> Result<(), String> {
        let faults = self.world.faults;
        if self.world.happens(faults.disconnect) {
            self.lose_channel()?;
        }
        if self.world.happens(faults.restart) {
            let seconds = self.world.rng.below(20).saturating_add(1);
            self.say("the venue restarts");
            self.world.venue_back = self.world.now.plus_millis(seconds.saturating_mul(1_000));
        }
        if self.world.happens(faults.clock) {
            let jump = self.world.rng.below(120_000_000);
            self.say("the clock jumps ahead");
            self.world.now = self.world.now.plus_micros(jump);
        }
        if self.world.happens(faults.disk) && !self.host.disk_failed {
            self.say("the journal's disk fails");
            self.host.disk_failed = true;
            self.feed(Body::HostFault { fault: HostFault::Journal })?;
        }
        if self.world.happens(faults.crash) {
            self.crash()?;
        }
        Ok(())
    }

    fn lose_channel(&mut self) -> Result<(), String> {
        self.world.summary.faults = self.world.summary.faults.saturating_add(1);
        let channel = if self.world.rng.below(2) == 0 { Channel::Market } else { Channel::User };
        let back = self.world.draw_outage();
        let up = match channel {
            Channel::Market => &mut self.world.market_up,
            Channel::User => &mut self.world.user_up,
        };
        if !*up {
            return Ok(());
        }
        *up = false;
        self.say(if channel == Channel::Market { "the market channel is lost" } else { "the user channel is lost" });
        self.world.send_in(back, Delivery::Reconnect(channel));
        self.feed(Body::Feed { channel, up: false })
    }

    /// Ends every outage at once.
    pub(super) fn recover_everything(&mut self) -> Result<(), String> {
        self.world.venue_back = self.world.now;
        if self.host.disk_failed {
            // A broken journal is mended by a restart only.
            self.crash()?;
        }
        for channel in [Channel::Market, Channel::User] {
            self.reconnect(channel)?;
        }
        self.feed(Body::Command(model::input::Command::Stop))
    }
}
