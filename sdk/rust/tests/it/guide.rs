//! The code of the guide (docs/first-strategy.md), verbatim, so that it is known to compile and to behave as the guide
//! says.
#![allow(clippy::arithmetic_side_effects, dead_code, reason = "the guide is short")]

use polytrader_sdk::units::{SHARE, step};
use polytrader_sdk::{Event, Intents, Manifest, Parameters, Quote, Session, Strategy, Tracker};

#[derive(Debug, Parameters)]
struct Settings {
    /// Distance of its bid below the best bid, in ticks.
    #[parameter(default = 1, min = 0, max = 50)]
    ticks: i32,
}

struct Mine {
    settings: Settings,
    tracker: Tracker,
}

impl Strategy for Mine {
    fn describe() -> Manifest {
        Manifest::new("mine", "1.0.0", "Waits for sellers in a hurry.").parameters(&Settings::schema())
    }

    fn new(session: &Session) -> Result<Self, String> {
        Ok(Self { settings: Settings::parse(&session.parameters)?, tracker: Tracker::new(session) })
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        self.tracker.update(event);
        let Event::Top(top) = event else { return };
        let (Some(token), Some(best)) = (self.tracker.token(top.token), top.bid) else { return };
        let price = step(best.price, -self.settings.ticks, token.tick);
        out.quote(1, top.token, Some(Quote { price, size: 5 * SHARE }), None, "wait below");
    }
}

polytrader_sdk::export_strategy!(Mine);

use polytrader_sdk::harness::{Stage, session};

#[test]
fn it_waits_below_the_best_bid() {
    Stage::<Mine>::run(
        &session(1),
        "
        trading on
        top yes0 0.40 0.44               -> quote yes0 0.39x5 -
        trade yes0 sell 5 at 0.39        -> bought yes0 5 at 0.39
        wait 3s
        refuse next cash
        top yes0 0.42 0.44               -> quote yes0 0.41x5 -; refused cash
    ",
    );
}

#[test]
fn the_guide_says_what_stands_here() {
    let read =
        |file: &str| std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned() + file).unwrap();
    let (guide, here) = (read("../../docs/first-strategy.md"), read("tests/it/guide.rs"));
    let blocks: Vec<&str> = guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        assert!(here.contains(block), "this code of the guide is not in this file:\n{block}");
    }
}
