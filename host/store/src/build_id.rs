//! The name of this build, recorded in journals.

/// Returns the name of this build. Two builds of one name make the same decisions, because it contains a hash of the
/// engine's sources.
pub fn build_name() -> String {
    format!("polytrader {} engine {}", env!("CARGO_PKG_VERSION"), env!("ENGINE_BUILD"))
}
