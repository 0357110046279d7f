//! Listing of markets during a run. Markets with prices but without order books are listed, so that the numbers of the
//! others stay, and are granted to no strategy.

use super::Run;
use crate::backtest::timeline::Moment;
use crate::events::TapeEventKind;
use anyhow::{Context, ensure};

impl Run<'_> {
    /// Lists the market of a moment.
    ///
    /// # Errors
    /// If its fee rate is unknown.
    pub(super) fn list(&mut self, moment: Moment) -> anyhow::Result<()> {
        let event = self.timeline.event(moment.number).context("a listing is gone")?;
        let TapeEventKind::Listed(listed) = &event.kind else { return Ok(()) };
        let mut market = listed.market.clone();
        market.fee = if listed.has_books { self.fees.of(listed, moment.at)? } else { model::FeeRate::default() };
        let hindsight = self.hindsight.get(&market.condition);
        self.recorder.list(listed, &market, moment.at, hindsight);
        let has_books = listed.has_books;
        let ix = self.world.list(moment.at, market.clone(), &mut self.output)?;
        if !has_books {
            self.bookless.insert(ix, market.slug.clone());
        }
        self.world.expect_outcome(ix, &market, hindsight);
        Ok(())
    }

    /// Returns the notice of the markets without order books, if there are any.
    ///
    /// # Errors
    /// If no market has books.
    pub(in crate::backtest) fn check_books(&self) -> anyhow::Result<Option<String>> {
        let Some(first) = self.bookless.values().next() else { return Ok(None) };
        let (count, all) = (self.bookless.len(), self.recorder.markets.len());
        ensure!(count < all, "the tape has prices but no order books of {first}; a backtest needs books");
        Ok(Some(format!(
            "{count} markets have prices but no order books, {first} among them: no strategy is granted them"
        )))
    }
}
