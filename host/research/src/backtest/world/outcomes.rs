//! Outcomes, payouts and answers with books. Outcomes are known here only to be scheduled: nothing else sees them
//! before their time.

use super::{Output, World};
use crate::events::Hindsight;
use model::event::{MarketEvent, MarketEventKind};
use model::{InputKind, Level, Market, MarketIx, Side, Time, TokenIx, Transfer, TransferKind, Usd};
use std::collections::BTreeMap;

/// Time from the end of trading to the payout where no time was recorded: markets of the optimistic oracle.
const ORACLE_MICROS: u64 = 2 * 3_600_000_000;
/// The same for markets that a price decides.
const PRICE_MICROS: u64 = 15_000_000;
/// Time from a payout to its booking: the last trades are final by then.
const BOOKED_AFTER_MICROS: u64 = 6_000_000;
/// Part of the slugs of markets that a price decides.
const PRICE_SLUG: &str = "updown";

/// A scheduled change.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// The venue pays out.
    Pay(MarketIx),
    /// The host books the payout.
    Book(MarketIx),
    /// The venue answers a request for a book.
    Snapshot(TokenIx),
}

/// The outcome of a market as it will be.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// Payout per share of the first token.
    pays: Option<Usd>,
    at: Option<Time>,
    delay: u64,
    scheduled: bool,
}

/// The outcomes of all markets, and what is due.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcomes {
    of: Vec<Outcome>,
    due: BTreeMap<(Time, u64), Due>,
    added: u64,
}

impl Outcomes {
    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    fn add(&mut self, at: Time, due: Due) {
        self.added = self.added.saturating_add(1);
        self.due.insert((at, self.added), due);
    }

    pub(super) fn request_book(&mut self, token: TokenIx, at: Time) {
        self.add(at, Due::Snapshot(token));
    }

    /// Schedules the payout of a market that closed at `at`, if its outcome is known without a time.
    pub(super) fn on_close(&mut self, market: MarketIx, at: Time) {
        if let Some(outcome) = self.of.get_mut(market.index())
            && outcome.pays.is_some()
            && !outcome.scheduled
        {
            outcome.scheduled = true;
            let at = at.plus_micros(outcome.delay);
            self.add(at, Due::Pay(market));
        }
    }

    /// Schedules the payout of a market whose outcome the tape itself reports, if it was not known otherwise.
    pub(super) fn on_resolved(&mut self, token: TokenIx, pays: Usd, at: Time) {
        let market = token.market();
        if let Some(outcome) = self.of.get_mut(market.index())
            && !outcome.scheduled
        {
            let first = if token.outcome() == 0 { pays } else { Usd::dollars(1).saturating_sub(pays) };
            (outcome.pays, outcome.scheduled) = (Some(outcome.pays.unwrap_or(first)), true);
            self.add(at, Due::Pay(market));
        }
    }

    fn last_due(&self) -> Option<Time> {
        let mut payouts = self.due.iter().filter(|(_, due)| !matches!(due, Due::Snapshot(_)));
        payouts.next_back().map(|((at, _), _)| *at)
    }
}

impl World {
    /// Schedules the outcome of the market that was just listed.
    pub(in crate::backtest) fn expect_outcome(&mut self, ix: MarketIx, market: &Market, hindsight: Option<&Hindsight>) {
        let delay = if market.slug.contains(PRICE_SLUG) { PRICE_MICROS } else { ORACLE_MICROS };
        let pays = hindsight.and_then(|known| known.pays_micros).map(Usd);
        let at = hindsight.and_then(|known| known.resolved_us).map(Time);
        let mut outcome = Outcome { pays, at, delay, scheduled: false };
        if let (Some(_), Some(at)) = (outcome.pays, outcome.at) {
            outcome.scheduled = true;
            self.outcomes.add(at.max(self.at), Due::Pay(ix));
            self.stir();
        }
        self.outcomes.of.push(outcome);
    }

    /// Returns the time until which the session goes on after the end of the tape: that of the last payout of a market
    /// in which the account holds shares.
    pub(in crate::backtest) fn last_payout(&self) -> Option<Time> {
        let held = self.engine.ledger().positions().any(|(_, position)| !position.size.is_zero());
        held.then(|| self.outcomes.last_due()).flatten().map(|at| at.plus_micros(BOOKED_AFTER_MICROS))
    }

    pub(super) fn on_outcome(&mut self, now: Time, output: &mut Output) {
        self.at = self.at.max(now);
        let Some((_, due)) = self.outcomes.due.pop_first() else { return };
        match due {
            Due::Pay(market) => self.pay(now, market, output),
            Due::Book(market) => self.book_payout(now, market, output),
            Due::Snapshot(token) => self.answer_book(now, token, output),
        }
    }

    /// Pays out a market, and lets the host hear its outcome.
    fn pay(&mut self, now: Time, market: MarketIx, output: &mut Output) {
        let Some(pays) = self.outcomes.of.get(market.index()).and_then(|outcome| outcome.pays) else { return };
        self.set_closed(market);
        let both = [pays, Usd::dollars(1).saturating_sub(pays)];
        if let Err(error) = self.paper.pay_out(now, market, both) {
            tracing::debug!(%error, market = market.0, "payout not possible");
            return;
        }
        self.take_notes(output);
        for (token, pays) in [market.token(0), market.token(1)].into_iter().zip(both) {
            if self.engine.pays(token).is_none() || self.engine.market_state(token) != model::MarketState::Resolved {
                let event = MarketEvent { token, venue_time: now, kind: MarketEventKind::Resolved { pays } };
                self.feed(now, InputKind::Event(event), output);
            }
        }
        output.rows.push(super::Row::Resolved { market, pays, at: now });
        self.outcomes.add(now.plus_micros(BOOKED_AFTER_MICROS), Due::Book(market));
    }

    fn book_payout(&mut self, now: Time, market: MarketIx, output: &mut Output) {
        let Some(pays) = self.outcomes.of.get(market.index()).and_then(|outcome| outcome.pays) else { return };
        for (token, pays) in [(market.token(0), pays), (market.token(1), Usd::dollars(1).saturating_sub(pays))] {
            let size = self.held(token);
            let micros = i128::from(size.micros()).saturating_mul(pays.micros().into()).checked_div(1_000_000);
            let paid = micros.and_then(|micros| i64::try_from(micros).ok()).map(Usd).unwrap_or_default();
            if !size.is_zero() {
                let kind = TransferKind::Redeem { token, size, paid };
                let transfer = Transfer { kind, reference: "redeemed".to_owned() };
                self.feed(now, InputKind::Transfer(transfer), output);
            }
        }
    }

    /// Answers a request for a book with the venue's present one.
    fn answer_book(&mut self, now: Time, token: TokenIx, output: &mut Output) {
        let Some(book) = self.paper.book(token.market()) else { return };
        let levels = |side| book.levels(side).copied().collect::<Vec<Level>>();
        let mirrored = |side| -> Vec<Level> {
            book.levels(side).map(|level| Level { price: level.price.complement(), ..*level }).collect()
        };
        let (bids, asks) = if token.outcome() == 0 {
            (levels(Side::Buy), levels(Side::Sell))
        } else {
            (mirrored(Side::Sell), mirrored(Side::Buy))
        };
        let event = MarketEvent { token, venue_time: now, kind: MarketEventKind::Book { bids, asks } };
        self.feed(now, InputKind::Event(event), output);
    }
}
