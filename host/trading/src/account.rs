//! The account at the venue: its channel and state, its activities, claims, heartbeats and the health of the venue.

pub(crate) mod activity;
pub(crate) mod claim_executor;
pub(crate) mod heartbeat;
pub(crate) mod venue_account;
pub(crate) mod venue_health;
