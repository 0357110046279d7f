//! Metrics of the host's process.

use super::Families;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

impl Families {
    /// Adds the resident memory, on systems that report it.
    pub(super) fn process(&mut self) {
        let Some(bytes) = crate::platform::resident_bytes() else { return };
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let help = "Memory of the host's process that is resident";
        self.0.register_with_unit("resident_memory", help, Unit::Bytes, ConstGauge::new(bytes));
    }
}
