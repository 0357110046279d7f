//! Intents of a strategy.

use crate::bindings::polytrader::strategy::types::{Intent, IntentKind, Place, Quote, SetQuote, Timer};

/// Collects a strategy's intents. The host checks each against every limit before an order is sent.
///
/// The tag is chosen by the strategy; order, fill and refused events that follow from an intent carry it. The reason
/// is shown to operators with the order.
#[derive(Debug, Default)]
pub struct Intents {
    list: Vec<Intent>,
}

impl Intents {
    /// Places one order.
    pub fn place(&mut self, tag: u64, order: Place, reason: impl Into<String>) {
        self.push(tag, reason, IntentKind::Place(order));
    }

    /// Cancels one of the strategy's own orders.
    pub fn cancel(&mut self, tag: u64, order: u64, reason: impl Into<String>) {
        self.push(tag, reason, IntentKind::Cancel(order));
    }

    /// Cancels the strategy's orders and quotes of one token, or of all.
    pub fn cancel_all(&mut self, tag: u64, token: Option<u32>, reason: impl Into<String>) {
        self.push(tag, reason, IntentKind::CancelAll(token));
    }

    /// Sets the standing quote of a token; the host keeps its orders at the venue until the quote changes.
    pub fn quote(&mut self, tag: u64, token: u32, bid: Option<Quote>, ask: Option<Quote>, reason: impl Into<String>) {
        self.push(tag, reason, IntentKind::Quote(SetQuote { token, bid, ask }));
    }

    /// Sets a timer to a host time in microseconds; 0 clears it.
    pub fn set_timer(&mut self, id: u32, at: u64) {
        self.push(0, "", IntentKind::SetTimer(Timer { id, at }));
    }

    /// Sets the fair value of a share for the latest intent: an order that adds risk must then be better than this by
    /// the fee and the operator's minimum edge (`min_edge_usd`).
    pub fn worth(&mut self, fair: u32) {
        if let Some(last) = self.list.last_mut() {
            last.fair = Some(fair);
        }
    }

    /// Returns whether there are no intents.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn take(&mut self) -> Vec<Intent> {
        std::mem::take(&mut self.list)
    }

    fn push(&mut self, tag: u64, reason: impl Into<String>, what: IntentKind) {
        self.list.push(Intent { tag, reason: reason.into(), fair: None, what });
    }
}
