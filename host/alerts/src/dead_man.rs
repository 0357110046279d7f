//! The dead man's switch: an external service raises an alarm if no ping arrives in time. The host sends pings only while
//! it is healthy.

use super::delivery::{Outcome, outcome};
use super::{Webhook, http};
use std::time::Duration;

/// The address of the pings, and their interval.
#[derive(Debug, Clone)]
pub struct DeadMan {
    address: Webhook,
    client: reqwest::Client,
    /// Interval of the pings.
    pub every: Duration,
}

impl DeadMan {
    /// Creates the switch of an address.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(address: Webhook, every: Duration) -> anyhow::Result<Self> {
        Ok(Self { address, client: http::client()?, every })
    }

    /// Sends one ping.
    pub async fn ping(&self) -> Outcome {
        match self.client.get(self.address.url().clone()).send().await {
            Ok(answer) => outcome(answer).await,
            Err(error) => Outcome::Later(http::describe(error), None),
        }
    }
}
