//! Template.
use polytrader_sdk::{Event, Intents, Manifest, Session, Strategy};

/// T.
#[derive(Debug)]
pub struct Template;

impl Strategy for Template {
    fn describe() -> Manifest {
        Manifest::new("template", "0.1.0", "x").markets_max(1)
    }
    fn new(_: &Session) -> Result<Self, String> {
        Ok(Self)
    }
    fn on_event(&mut self, _: &Event, _: &mut Intents) {}
}

polytrader_sdk::export_strategy!(Template);
