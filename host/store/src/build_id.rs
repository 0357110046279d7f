//! The name of this build, which journals carry.

/// Returns the name of this build: two builds of one name decide the same, because it contains a hash of the engine's sources.
pub fn build_name() -> String {
    format!("polytrader {} engine {}", env!("CARGO_PKG_VERSION"), env!("ENGINE_BUILD"))
}
