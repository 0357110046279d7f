//! The JSON that the REST API and the page speak.

pub mod types;
