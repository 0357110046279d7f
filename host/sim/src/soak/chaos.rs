//! Faults that occur between messages, and their end.

use super::Story;
use super::draws::Fault;
use super::wire::Delivery;
use alloc::string::String;
use model::InputKind;
use model::input::{Channel, HostFault};

impl Story<'_> {
    /// Draws and applies a fault, if any.
    pub(super) fn make_trouble(&mut self) -> Result<(), String> {
        if self.world.strikes(Fault::Disconnect) {
            self.lose_channel()?;
        }
        if self.world.strikes(Fault::Restart) {
            let seconds = self.world.rng.below(20).saturating_add(1);
            self.narrate("the venue restarts");
            self.world.venue_back = self.world.now.plus_millis(seconds.saturating_mul(1_000));
        }
        if self.world.strikes(Fault::ClockJump) {
            let jump = self.world.rng.below(120_000_000);
            self.narrate("the clock jumps ahead");
            self.world.now = self.world.now.plus_micros(jump);
        }
        if !self.host.disk_failed && self.world.strikes(Fault::Disk) {
            self.narrate("the journal's disk fails");
            self.host.disk_failed = true;
            self.feed(InputKind::HostFault { fault: HostFault::Journal })?;
        }
        if self.world.strikes(Fault::Crash) {
            self.crash()?;
        }
        Ok(())
    }

    fn lose_channel(&mut self) -> Result<(), String> {
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
        self.narrate(if channel == Channel::Market {
            "the market channel is lost"
        } else {
            "the user channel is lost"
        });
        self.world.send_in(back, Delivery::Reconnect(channel));
        self.feed(InputKind::Feed { channel, up: false })
    }

    /// Ends all outages at once.
    pub(super) fn recover_everything(&mut self) -> Result<(), String> {
        self.world.venue_back = self.world.now;
        if self.host.disk_failed {
            // A broken journal is repaired only by a restart.
            self.crash()?;
        }
        for channel in [Channel::Market, Channel::User] {
            self.reconnect(channel)?;
        }
        self.feed(InputKind::Command(model::input::Command::Stop))
    }
}
