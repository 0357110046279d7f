//! What a strategy wants.

use crate::bindings::polytrader::strategy::types::{Intent, IntentKind, Place, Quote, SetQuote, Timer};

/// Collects a strategy's intents. The host holds each against every limit before an order leaves.
///
/// The tag is the strategy's own mark: order, fill and refused events that follow from an intent carry it. The reason
/// is for people and shown with the order.
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

    /// Sets the orders that should stand on a token; the host keeps them there until told otherwise.
    pub fn quote(&mut self, tag: u64, token: u32, bid: Option<Quote>, ask: Option<Quote>, reason: impl Into<String>) {
        self.push(tag, reason, IntentKind::Quote(SetQuote { token, bid, ask }));
    }

    /// Asks for a timer event at a host time in microseconds; 0 clears the timer.
    pub fn set_timer(&mut self, id: u32, at: u64) {
        self.push(0, "", IntentKind::SetTimer(Timer { id, at }));
    }

    /// Says what a share is worth, for the wish that was made last: an order that adds risk must then be better than this by the fee and
    /// the least edge that the operator set.
    pub fn worth(&mut self, fair: u32) {
        if let Some(last) = self.list.last_mut() {
            last.fair = Some(fair);
        }
    }

    /// Returns whether nothing is wanted.
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
