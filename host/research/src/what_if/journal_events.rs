//! The market data of a journal as a source of events. A thread reads the journal and waits while its events are not
//! taken, so that a journal of any length needs little memory.

use crate::events::{EventSource, GapCause, Hindsight, ListedMarket, TapeEvent, TapeEventKind};
use anyhow::Context;
use journal::Record;
use model::input::{Channel, StrategyChange};
use model::{ConditionId, Input, InputKind, Time};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use store::journal_files::{Step, walk};

/// Events that wait to be taken.
const WAITING_MAX: usize = 4_096;

/// The market data of a journal.
#[derive(Debug)]
pub struct JournalEvents {
    events: Receiver<anyhow::Result<TapeEvent>>,
}

impl JournalEvents {
    /// Starts reading the segments of a journal, in order.
    ///
    /// # Errors
    /// If the reader cannot be started.
    pub fn open(files: &[PathBuf]) -> anyhow::Result<Self> {
        let (sender, events) = sync_channel(WAITING_MAX);
        let files = files.to_vec();
        let work = move || {
            let mut reader = Reader { sender, listed: BTreeSet::new(), frame: 0, gone: false };
            if let Err(error) = walk(&files, |step| reader.on_step(step)) {
                reader.sender.send(Err(error)).ok();
            }
        };
        std::thread::Builder::new().name("journal-events".to_owned()).spawn(work).context("starting a thread")?;
        Ok(Self { events })
    }
}

impl EventSource for JournalEvents {
    fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>> {
        self.events.recv().ok().transpose()
    }

    fn hindsight(&self) -> &[Hindsight] {
        &[]
    }
}

struct Reader {
    sender: SyncSender<anyhow::Result<TapeEvent>>,
    listed: BTreeSet<ConditionId>,
    frame: u64,
    /// True once nothing takes the events any more.
    gone: bool,
}

impl Reader {
    fn on_step(&mut self, step: Step) {
        if let Step::Record(Record::Input(input)) = step
            && !self.gone
            && let Some(event) = self.event_of(&input)
        {
            self.gone = self.sender.send(Ok(event)).is_err();
        }
    }

    fn event_of(&mut self, input: &Input) -> Option<TapeEvent> {
        let kind = match &input.kind {
            // A market that is announced twice is listed once.
            InputKind::Market(market) if self.listed.insert(market.condition) => {
                let (fee_known, assumed, has_books, invented) = (true, Vec::new(), true, false);
                let market = market.clone();
                TapeEventKind::Listed(Box::new(ListedMarket { market, fee_known, assumed, has_books, invented }))
            }
            InputKind::Event(event) => TapeEventKind::market(event.clone(), false),
            InputKind::Feed { channel: Channel::Market, up: false } => {
                TapeEventKind::Blind { markets: Vec::new(), cause: GapCause::Disconnected }
            }
            InputKind::Strategy(StrategyChange::Signal { signal, .. }) => {
                TapeEventKind::Signal(Box::new(signal.clone()))
            }
            _ => return None,
        };
        // The parts of a venue's frame are journaled one by one, with the same times.
        self.frame = self.frame.saturating_add(1);
        let venue_at = match &input.kind {
            // A message that could not be read has no time of the venue.
            InputKind::Event(event) if event.venue_time > Time(0) => event.venue_time,
            _ => input.at,
        };
        Some(TapeEvent { frame: self.frame, venue_at, received_at: Some(input.at), kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::event::{MarketEvent, MarketEventKind};
    use model::{Market, MarketIx, Usd};

    #[test]
    fn the_market_data_of_a_journal_becomes_events_and_nothing_else_does() {
        let (sender, events) = sync_channel(16);
        let mut reader = Reader { sender, listed: BTreeSet::new(), frame: 0, gone: false };
        let token = MarketIx(0).token(0);
        let kind = MarketEventKind::Resolved { pays: Usd::dollars(1) };
        let event = MarketEvent { token, venue_time: Time(3), kind };
        let kinds = [
            InputKind::Market(Market::synthetic(1)),
            InputKind::Market(Market::synthetic(1)),
            InputKind::Clock,
            InputKind::Event(event.clone()),
            InputKind::Feed { channel: Channel::User, up: false },
            InputKind::Feed { channel: Channel::Market, up: false },
        ];
        for (seq, kind) in (1u64..).zip(kinds) {
            reader.on_step(Step::Record(Record::Input(testkit::input(seq, Time(seq.saturating_mul(10)), kind))));
        }
        drop(reader);
        let mut source = JournalEvents { events };
        let first = source.next_event().unwrap().unwrap();
        assert!(matches!(first.kind, TapeEventKind::Listed(_)));
        let second = source.next_event().unwrap().unwrap();
        assert_eq!((second.venue_at, second.received_at), (Time(3), Some(Time(40))), "both clocks are kept");
        assert_eq!(second.kind, TapeEventKind::market(event, false));
        let third = source.next_event().unwrap().unwrap();
        let cause = GapCause::Disconnected;
        assert_eq!(third.kind, TapeEventKind::Blind { markets: Vec::new(), cause });
        assert_eq!(source.next_event().unwrap(), None);
    }
}
