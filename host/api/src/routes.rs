//! The routes, one module per part of the API. Handlers read the read model and the database, and act through control.

pub(crate) mod alert_list;
pub(crate) mod bot;
pub(crate) mod claims;
pub(crate) mod config;
pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod locks;
pub(crate) mod reload;
pub(crate) mod restrictions;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod strategies;
pub(crate) mod stream;
pub(crate) mod tokens;
pub(crate) mod trading;
pub(crate) mod websocket;
