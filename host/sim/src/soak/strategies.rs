//! Strategies with random intents, and operators with random commands.

use super::Story;
use super::restart::{STRATEGIES, draw_limits, tokens_of};
use super::wire::World;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use model::input::{Breaker, Command, Restriction, Scope, StrategyAnswer, StrategyChange};
use model::{
    Activity, ActivityKind, InputKind, Intent, IntentKind, MarketIx, OrderId, OrderKind, OwnEvent, Price, Quote,
    Reallocation, Side, Size, StrategyId, Time, TokenIx, Transfer, TransferKind, Usd,
};

/// The largest delay of the Data API.
const RECORDS_LATE_MICROS: u64 = 30_000_000;

impl Story<'_> {
    /// Lets a strategy answer, in one step of three.
    pub(super) fn run_strategies(&mut self) -> Result<(), String> {
        if self.world.rng.below(3) != 0 {
            return Ok(());
        }
        let number = self.world.rng.below(u64::from(STRATEGIES)).saturating_add(1);
        let strategy = StrategyId(u16::try_from(number).unwrap_or(1));
        let own = self.own_orders(strategy);
        let count = self.world.rng.below(4);
        let intents: Vec<Intent> = (0..count).map(|_| self.world.intent(strategy, &own)).collect();
        let fault = (self.world.rng.below(400) == 0).then(|| "it panicked".to_string());
        let intents = if fault.is_some() { Vec::new() } else { intents };
        self.feed(InputKind::Intents(StrategyAnswer { fault, ..StrategyAnswer::to_one(strategy, intents) }))
    }

    /// Returns the orders that a strategy was notified of.
    fn own_orders(&mut self, strategy: StrategyId) -> Vec<OrderId> {
        let own_events = core::mem::take(&mut self.host.own_events);
        let orders = own_events.iter().filter(|(who, _)| *who == strategy).filter_map(|(_, event)| match event {
            OwnEvent::Order { order, .. } | OwnEvent::Fill { order, .. } => Some(*order),
            _ => None,
        });
        orders.collect()
    }

    /// Sends an operator command, now and then.
    pub(super) fn play_operator(&mut self) -> Result<(), String> {
        if self.world.rng.below(60) != 0 {
            return Ok(());
        }
        let reason = || "soak".to_string();
        let command = match self.world.rng.below(20) {
            0 => Command::Stop,
            1 => Command::Pause,
            2 => Command::EmergencyStop { reason: reason() },
            3 => Command::CancelAll,
            4 => Command::Cancel { order: OrderId(self.world.rng.below(self.host.last_order.0.saturating_add(2))) },
            5 => {
                let place = usize::try_from(self.world.rng.below(7)).unwrap_or(0);
                Command::ResetBreaker { breaker: Breaker::ALL.get(place).copied().unwrap_or(Breaker::StaleData) }
            }
            6 => {
                let limits = draw_limits(|bound| self.world.rng.below(bound));
                return self.feed(InputKind::Limits(limits));
            }
            7 => return self.reload(),
            14 => Command::Close { token: TokenIx(u32::try_from(self.world.rng.below(14)).unwrap_or(0)) },
            15 => self.restriction(),
            16 => return self.transfer(),
            17 => return self.unreported_transfer(),
            18 => {
                let number = self.world.rng.below(u64::from(STRATEGIES)).saturating_add(1);
                return self.set_budget(StrategyId(u16::try_from(number).unwrap_or(1)));
            }
            19 => return self.assignment(),
            8 | 9 => Command::Release { reason: reason() },
            10 => Command::Resume,
            _ => Command::Start,
        };
        self.feed(InputKind::Command(command))
    }

    /// Moves shares from a strategy that has some to another one, all or a part of them. The account must not change.
    fn assignment(&mut self) -> Result<(), String> {
        let parts = self.host.engine.ledger().parts().filter(|(_, _, part)| !part.size.is_zero());
        let held: Vec<_> = parts.map(|(from, token, part)| (from, token, part.size)).collect();
        let drawn = self.world.rng.below(u64::try_from(held.len()).unwrap_or(0).max(1));
        let Some((from, token, most)) = usize::try_from(drawn).ok().and_then(|place| held.get(place).copied()) else {
            return Ok(());
        };
        let to = StrategyId(u16::try_from(self.world.rng.below(u64::from(STRATEGIES).saturating_add(1))).unwrap_or(1));
        let part = Size(self.world.rng.below(most.0.saturating_add(2)));
        let size = (self.world.rng.below(2) == 0).then_some(part);
        let before = self.host.engine.ledger().clone();
        self.feed(InputKind::Reallocate(Reallocation { token, from, to, size }))?;
        let after = self.host.engine.ledger();
        if after.cash() != before.cash() || !after.positions().eq(before.positions()) {
            return Err("a reallocation changed the account".to_string());
        }
        Ok(())
    }

    fn restriction(&mut self) -> Command {
        let scope = match self.world.rng.below(3) {
            0 => Scope::Session,
            1 => Scope::Market(MarketIx(u32::try_from(self.world.rng.below(6)).unwrap_or(0))),
            _ => Scope::Strategy(StrategyId(1)),
        };
        // Lifted twice as often as set, so that trading continues.
        let restriction = match self.world.rng.below(6) {
            0 => Restriction::ReduceOnly,
            1 => Restriction::CancelOnly,
            _ => Restriction::None,
        };
        Command::Restrict { scope, restriction }
    }

    /// Deposits or withdraws money, at the venue and in the ledger at once.
    fn transfer(&mut self) -> Result<(), String> {
        // With a failed journal nothing is booked.
        if self.host.disk_failed {
            return Ok(());
        }
        let amount = Usd(i64::try_from(self.world.rng.below(50_000_000)).unwrap_or(0));
        let cash = self.world.venue.cash(self.world.member.account()).free();
        let goes = self.world.rng.below(2) == 0 && amount.0 < cash;
        let (kind, change) = if goes {
            (TransferKind::Withdrawal(amount), Usd::ZERO.saturating_sub(amount))
        } else {
            (TransferKind::Deposit(amount), amount)
        };
        self.world.venue.deposit(self.world.member.account(), change).map_err(|error| error.to_string())?;
        self.feed(InputKind::Transfer(Transfer { kind, reference: "soak".to_string() }))?;
        // An operator's transfer is acknowledged once it is synced to disk.
        self.host.synced = self.host.journal.len();
        Ok(())
    }

    /// Deposits or withdraws money at the venue; only the Data API reports it, later.
    fn unreported_transfer(&mut self) -> Result<(), String> {
        let amount = Usd(i64::try_from(self.world.rng.below(50_000_000)).unwrap_or(0));
        let cash = self.world.venue.cash(self.world.member.account()).free();
        let goes = self.world.rng.below(4) == 0 && amount.0 < cash;
        let (kind, change) = match (goes, self.world.rng.below(2)) {
            (true, _) => (TransferKind::Withdrawal(amount), Usd::ZERO.saturating_sub(amount)),
            (false, 0) => (TransferKind::Reward(amount), amount),
            (false, _) => (TransferKind::Deposit(amount), amount),
        };
        self.world.venue.deposit(self.world.member.account(), change).map_err(|error| error.to_string())?;
        self.world.write_record(ActivityKind::Transfer(kind));
        Ok(())
    }

    /// Feeds the rows that the Data API reports by now; after a crash from the beginning.
    pub(super) fn read_records(&mut self) -> Result<(), String> {
        while let Some((from, activity)) = self.world.records.get(self.host.records).cloned() {
            if from > self.world.now {
                break;
            }
            self.host.records = self.host.records.saturating_add(1);
            self.feed(InputKind::Activity(activity))?;
        }
        Ok(())
    }

    fn reload(&mut self) -> Result<(), String> {
        let strategy = StrategyId(1);
        let reason = "its file is gone".to_string();
        self.feed(InputKind::Strategy(StrategyChange::Removed { strategy, reason }))?;
        self.load(strategy, 1)
    }
}

impl World {
    /// Adds an activity to the Data API's rows; they are published later.
    pub(super) fn write_record(&mut self, kind: ActivityKind) {
        let number = u64::try_from(self.records.len()).unwrap_or(u64::MAX);
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(number.to_be_bytes()) {
            *place = byte;
        }
        let from = self.now.plus_micros(self.rng.below(RECORDS_LATE_MICROS));
        let reference = alloc::format!("record {number}");
        self.records.push((from, Activity { key, at: self.now, kind, reference }));
    }

    /// Draws an intent: most are sensible, some are not.
    fn intent(&mut self, strategy: StrategyId, own: &[OrderId]) -> Intent {
        let tag = self.rng.next_u64();
        let kind = match self.rng.below(20) {
            0 => IntentKind::CancelAll { token: None },
            1 => IntentKind::CancelAll { token: Some(self.token(strategy)) },
            2 => IntentKind::SetTimer { timer: 1, at: Time(self.rng.next_u64()) },
            3 | 4 => IntentKind::Cancel { order: self.order_of(own) },
            5..12 => {
                let token = self.token(strategy);
                let bid = self.leg(token, Side::Buy);
                let ask = self.leg(token, Side::Sell);
                IntentKind::Quote { token, bid, ask }
            }
            _ => self.placement(strategy),
        };
        let fair = (self.rng.below(8) == 0).then(|| self.price(TokenIx(0), Side::Buy));
        Intent { tag, reason: String::new(), fair, kind }
    }

    fn token(&mut self, strategy: StrategyId) -> TokenIx {
        if self.rng.below(50) == 0 {
            return TokenIx(u32::try_from(self.rng.below(u64::from(u32::MAX))).unwrap_or(0));
        }
        let tokens = tokens_of(strategy, &self.markets);
        let count = u64::try_from(tokens.len()).unwrap_or(1);
        let place = usize::try_from(self.rng.below(count)).unwrap_or(0);
        tokens.get(place).copied().unwrap_or(TokenIx(0))
    }

    fn order_of(&mut self, own: &[OrderId]) -> OrderId {
        let count = u64::try_from(own.len()).unwrap_or(0);
        let place = usize::try_from(self.rng.below(count)).unwrap_or(0);
        own.get(place).copied().unwrap_or_else(|| OrderId(self.rng.below(100)))
    }

    fn leg(&mut self, token: TokenIx, side: Side) -> Option<Quote> {
        if self.rng.below(4) == 0 {
            return None;
        }
        Some(Quote { price: self.price(token, side), size: self.size() })
    }

    fn placement(&mut self, strategy: StrategyId) -> IntentKind {
        let token = self.token(strategy);
        let side = if self.rng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let kind = match self.rng.below(6) {
            5 => OrderKind::Gtd { post_only: false, until_s: self.soon() },
            0 => OrderKind::Fak,
            1 => OrderKind::Fok,
            2 => OrderKind::Gtc { post_only: true },
            _ => OrderKind::Gtc { post_only: false },
        };
        // Half of the orders that cannot rest reach a little beyond the best price, for a small part of the available
        // size.
        let (price, size) = match kind {
            OrderKind::Fak | OrderKind::Fok if self.rng.below(2) == 0 => {
                (self.beyond(token, side), Size::shares(self.rng.below(5).saturating_add(5)))
            }
            _ => (self.price(token, side), self.size()),
        };
        IntentKind::Place { token, side, price, size, kind }
    }

    /// Draws a price one or two ticks worse than the best of the other side.
    fn beyond(&mut self, token: TokenIx, side: Side) -> Price {
        let best = self.venue.best(token, side.opposite()).map_or(500_000, |level| level.price.micros());
        let tick = self.venue.market(token.market()).map_or(10_000, |market| market.tick.micros());
        let away = tick.saturating_mul(u32::try_from(self.rng.below(2).saturating_add(1)).unwrap_or(1));
        let micros = if side == Side::Buy { best.saturating_add(away) } else { best.saturating_sub(away) };
        Price::from_micros(micros).unwrap_or_else(|| self.half())
    }

    /// Draws an expiration within the next ten minutes, at times sooner than the venue allows.
    fn soon(&mut self) -> u32 {
        let ahead = self.rng.below(600).saturating_add(60);
        u32::try_from(self.now.seconds().saturating_add(ahead)).unwrap_or(u32::MAX)
    }

    /// Draws a price near the best of the other side, so that some orders match, some rest, and some are off the grid.
    fn price(&mut self, token: TokenIx, side: Side) -> Price {
        let fair = self.venue.best(token, side.opposite()).map_or(500_000, |level| level.price.micros());
        let tick = self.venue.market(token.market()).map_or(10_000, |market| market.tick.micros());
        let ticks = u32::try_from(self.rng.below(5)).unwrap_or(0);
        let away = tick.saturating_mul(ticks);
        let micros = match (side, self.rng.below(3)) {
            (Side::Buy, 0) | (Side::Sell, 1 | 2) => fair.saturating_add(away),
            _ => fair.saturating_sub(away),
        };
        let odd = if self.rng.below(60) == 0 { 1 } else { 0 };
        Price::from_micros(micros.saturating_add(odd)).or(Price::from_micros(500_000)).unwrap_or_else(|| self.half())
    }

    fn half(&self) -> Price {
        Price::from_micros(500_000).unwrap_or_else(|| self.half())
    }

    fn size(&mut self) -> Size {
        match self.rng.below(40) {
            0 => Size(self.rng.next_u64()),
            1 => Size(self.rng.below(5_000_000)),
            2 => Size::ZERO,
            _ => Size::shares(self.rng.below(60).saturating_add(5)),
        }
    }
}
