//! Delivery of waiting items to a strategy, and of its answer to the engine.

use super::{Item, Run, Step};
use crate::backtest::profile::Part;
use crate::backtest::world::Checkpoint;
use anyhow::{Context, anyhow};
use model::input::StrategyAnswer;
use sandbox::Reaction;
use sandbox::supervisor::BATCH_MAX;
use std::time::Instant;

impl Run<'_> {
    /// Delivers the first strategy's items, and processes its answer.
    pub(super) fn deliver(&mut self, taken: usize, before: Option<Checkpoint>) -> anyhow::Result<Step> {
        let Some(strategy) = self.output.items.front().map(|waiting| waiting.strategy) else { return Ok(Step::On) };
        let slot = self.slots.iter().position(|slot| slot.id == strategy).context("an item of no strategy")?;
        self.called = self.called.saturating_add(1);
        if let Some(most) = self.calls_max
            && self.called > most
        {
            return Ok(Step::Failed(format!("more than {most} calls")));
        }
        // No more at once than in trading, where the limit of fuel is for a call, too.
        let own = self.output.items.iter().take_while(|waiting| waiting.strategy == strategy);
        let shown = own.take(BATCH_MAX).count();
        let reaction = match self.show(slot, shown) {
            Ok(reaction) => reaction,
            Err(error) => {
                self.commit(taken);
                return Ok(Step::Failed(format!("{error:#}")));
            }
        };
        let consumed = usize::try_from(reaction.consumed)?;
        if consumed >= shown && reaction.intents.is_empty() {
            self.advance(slot, reaction.consumed);
            self.output.items.drain(..shown);
            self.quiet = self.quiet.saturating_add(taken);
            self.commit(taken);
            return Ok(Step::On);
        }
        let last = consumed.checked_sub(1).and_then(|place| self.output.items.get(place));
        let upto = last.map(|waiting| waiting.place).context("the strategy consumed no item")?;
        self.output.items.drain(..consumed);
        if upto < taken {
            self.rewind(upto, before.context("no state to rewind to")?)?;
        } else {
            // The answer changes tables that the checkpoint shares.
            drop(before);
        }
        self.apart = self.apart.midpoint(self.quiet.saturating_add(upto));
        self.quiet = 0;
        self.commit(upto);
        self.on_answer(slot, reaction);
        Ok(Step::On)
    }

    /// Shows the first `count` waiting items to their strategy.
    fn show(&mut self, slot: usize, count: usize) -> anyhow::Result<Reaction> {
        let slot = self.slots.get_mut(slot).context("no such strategy")?;
        let (name, first) = (slot.name.clone(), slot.first);
        let instance = slot.instance.as_mut().context("the strategy does not run")?;
        let began = self.profile.begin();
        self.batch.clear();
        for waiting in self.output.items.iter().take(count) {
            match &waiting.item {
                Item::Market(note) => self.batch.market(instance.grants(), note),
                Item::Own(at, event) => self.batch.own(instance.grants(), *at, event),
            }
        }
        let began = self.profile.end(Part::Crossing, began);
        let called = self.calls.is_some().then(Instant::now);
        let shown = instance.on_events(first, &mut self.batch);
        self.profile.end(Part::Guest, began);
        let reaction = shown.map_err(|fault| anyhow!("the strategy {name} failed at its event {first}: {fault}"))?;
        slot.fuel_max = slot.fuel_max.max(reaction.fuel);
        if let (Some(calls), Some(called)) = (&mut self.calls, called) {
            calls.push((u64::try_from(called.elapsed().as_nanos()).unwrap_or(u64::MAX), reaction.fuel));
        }
        self.profile.count_call(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(reaction)
    }

    fn advance(&mut self, slot: usize, consumed: u32) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.first = slot.first.saturating_add(u64::from(consumed));
        }
    }

    fn on_answer(&mut self, place: usize, reaction: Reaction) {
        let Reaction { consumed, intents, fuel } = reaction;
        let Some(slot) = self.slots.get(place) else { return };
        let (strategy, instance, first) = (slot.id, slot.instances, slot.first);
        self.advance(place, consumed);
        if intents.is_empty() {
            return;
        }
        self.recorder.count_intents(intents.len());
        if let Some(noted) = &mut self.noted {
            noted.extend(intents.iter().map(|intent| (place, self.world.at, intent.clone())));
        }
        let (fault, lost) = (None, Vec::new());
        let answer =
            StrategyAnswer { strategy, instance, first, count: consumed, consumed, fuel, fault, intents, lost };
        let began = self.profile.begin();
        self.world.on_answer(answer, &mut self.output);
        self.profile.end(Part::Engine, began);
        self.accept_rows();
    }
}
