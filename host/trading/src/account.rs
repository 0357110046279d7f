//! The account at the venue: user channel and state, activities, claims, heartbeats, and venue health.

pub(crate) mod activity;
pub(crate) mod claim_executor;
pub(crate) mod heartbeat;
pub(crate) mod venue_account;
pub(crate) mod venue_health;
