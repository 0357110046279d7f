//! The requests of a session to its venue, with the time at which the venue received each: the middle between its
//! sending and its answer.

use crate::backtest::{Request, RequestKind};
use engine::Effect;
use model::input::PlaceOutcome;
use model::{Input, InputKind, OrderId, Time};
use std::collections::BTreeMap;

/// The requests so far, by number.
#[derive(Debug, Default)]
pub(super) struct Requests {
    all: BTreeMap<u64, Request>,
    sent: u64,
    /// Numbers of the requests that were not answered yet.
    placements: BTreeMap<OrderId, u64>,
    cancels: BTreeMap<OrderId, u64>,
}

impl Requests {
    /// Takes an effect of the engine.
    pub(super) fn on_effect(&mut self, at: Time, effect: &Effect) {
        let kind = match effect {
            Effect::Place(approved) => RequestKind::Place(approved.item().order),
            Effect::Cancel { order } => RequestKind::Cancel(*order),
            Effect::CancelAll => RequestKind::CancelAll,
            _ => return,
        };
        self.sent = self.sent.saturating_add(1);
        self.all.insert(self.sent, Request { at, kind });
        match kind {
            RequestKind::Place(order) => drop(self.placements.insert(order.id, self.sent)),
            RequestKind::Cancel(order) => drop(self.cancels.insert(order, self.sent)),
            RequestKind::CancelAll => {}
        }
    }

    /// Takes an input, which may be the answer of a request.
    pub(super) fn on_input(&mut self, input: &Input) {
        let number = match &input.kind {
            InputKind::Placed { order, outcome: PlaceOutcome::NotSent { .. } } => {
                if let Some(number) = self.placements.remove(order) {
                    self.all.remove(&number);
                }
                return;
            }
            InputKind::Placed { order, .. } => self.placements.remove(order),
            InputKind::CancelAnswer { order, .. } => self.cancels.remove(order),
            _ => return,
        };
        if let Some(request) = number.and_then(|number| self.all.get_mut(&number)) {
            request.at = request.at.plus_micros(input.at.since(request.at) / 2);
        }
    }

    /// Returns the requests by the time at which the venue received them.
    pub(super) fn take(&mut self) -> Vec<Request> {
        let mut all: Vec<Request> = std::mem::take(&mut self.all).into_values().collect();
        all.sort_by_key(|request| request.at);
        all
    }
}
