//! The scripted market, with a strategy that its parameters and the best bid control.

use polytrader_sdk::harness::{Stage, session};
use polytrader_sdk::units::SHARE;
use polytrader_sdk::{Event, Intents, Manifest, OrderKind, OwnEvent, OwnKind, Place, Quote, Session, Side, Strategy};

/// Reacts to fixed bids for the YES of market 0; the parameters select the order kind.
#[derive(Debug)]
struct Scripted {
    kind: OrderKind,
    quotes: bool,
    seen: u64,
    /// The cost of its shares from the last position event.
    cost: i64,
}

impl Strategy for Scripted {
    fn describe() -> Manifest {
        Manifest::new("scripted", "1.0.0", "Reacts to fixed bids.")
    }

    fn new(session: &Session) -> Result<Self, String> {
        let kind = match session.parameters.as_str() {
            "gtc" => OrderKind::Gtc,
            "post" => OrderKind::GtcPostOnly,
            "fak" => OrderKind::Fak,
            "fok" => OrderKind::Fok,
            _ => return Err(format!("unknown order kind {}", session.parameters)),
        };
        let seen = session.restored.as_ref().map_or(0, |state| state[0].into());
        Ok(Self { kind, quotes: false, seen, cost: 0 })
    }

    /// A bid of 0.30 buys ten at 0.50, 0.31 sells five at 0.40, 0.32 quotes, 0.33 cancels all orders, 0.34 sets a
    /// timer.
    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        self.seen += 1;
        match event {
            // A top whose ask it emptied itself causes no new intent.
            Event::Top(top) if top.token == 0 && top.ask.is_some() => {
                let place = |side, price, size| Place { token: 0, side, price, size, kind: self.kind, until: None };
                match top.bid.map_or(0, |bid| bid.price) {
                    300_000 => out.place(1, place(Side::Buy, 500_000, 10 * SHARE), "buy"),
                    310_000 => out.place(2, place(Side::Sell, 400_000, 5 * SHARE), "sell"),
                    320_000 => {
                        self.quotes = true;
                        out.quote(3, 0, Some(Quote { price: 350_000, size: 10 * SHARE }), None, "quote");
                    }
                    330_000 => out.cancel_all(4, Some(0), "away"),
                    340_000 => out.set_timer(7, top.host_time + 2_000_000),
                    _ => {}
                }
            }
            Event::Own(OwnEvent { what: OwnKind::Position(position), .. }) => self.cost = position.cost,
            Event::Own(OwnEvent { what: OwnKind::Timer(7), .. }) => out.cancel(5, 99, "there is none"),
            _ => {}
        }
    }

    fn save(&self) -> Vec<u8> {
        vec![u8::try_from(self.seen).unwrap()]
    }
}

fn run(kind: &str, script: &str) -> Stage<Scripted> {
    let mut session = session(2);
    session.parameters = kind.into();
    session.markets[0].fee_rate = 100_000;
    Stage::run(&session, script)
}

#[test]
fn an_order_takes_what_is_there_and_rests_with_the_remainder() {
    let stage = run(
        "gtc",
        "trading on
         top yes0 0.30 0.45x4 -> buy yes0 10 at 0.5 gtc; bought yes0 4 at 0.45
         top yes0 - 0.50x1 -> bought yes0 1 at 0.5
         top yes0 - 0.48 -> bought yes0 5 at 0.5",
    );
    assert_eq!((stage.held(0), stage.open_orders()), (10 * SHARE, 0));
    // 4 x 0.45 + 6 x 0.50, and the fee of the part that took: 4 x 0.1 x 0.45 x 0.55.
    assert_eq!(stage.cash(), -4_800_000 - 99_000);
}

#[test]
fn fak_forgets_the_remainder_and_fok_takes_all_or_nothing() {
    let stage = run("fak", "trading on\n top yes0 0.30 0.45x4 -> buy yes0 10 at 0.5 fak; bought yes0 4 at 0.45");
    assert_eq!(stage.open_orders(), 0);
    let stage = run("fok", "trading on\n top yes0 0.30 0.45x9.99 -> buy yes0 10 at 0.5 fok");
    assert_eq!((stage.open_orders(), stage.held(0)), (0, 0));
    // Ten shares at 0.50 are five dollars, and these buy 11.11 at 0.45 and 12.5 at 0.40.
    run("fok", "trading on\n top yes0 0.30 0.45x10 -> buy yes0 10 at 0.5 fok");
    run("fok", "trading on\n top yes0 0.30 0.4x12.5 -> buy yes0 10 at 0.5 fok; bought yes0 12.5 at 0.4");
    run("fak", "trading on\n top yes0 0.30 0.4x12.5 -> buy yes0 10 at 0.5 fak; bought yes0 12.5 at 0.4");
    // The fill has as many shares as the order, but 1.20 dollars are left: the unspent dollars are killed.
    let stage = run("fak", "trading on\n top yes0 0.30 0.38x10 -> buy yes0 10 at 0.5 fak; bought yes0 10 at 0.38");
    assert_eq!((stage.open_orders(), stage.held(0)), (0, 10 * SHARE));
}

#[test]
fn post_only_is_refused_where_it_would_take() {
    run("post", "trading on\n top yes0 0.30 0.45 -> buy yes0 10 at 0.5 post-only; refused by the venue");
    run(
        "post",
        "trading on
         top yes0 0.30 0.55 -> buy yes0 10 at 0.5 post-only
         trade yes0 sell 4 at 0.51
         trade yes0 sell 4 at 0.50 -> bought yes0 4 at 0.5
         trade yes0 buy 4 at 0.50
         trade yes0 sell 40 at 0.45 -> bought yes0 6 at 0.5",
    );
}

#[test]
fn what_cannot_be_an_order_is_refused_in_the_hosts_words() {
    run(
        "gtc",
        "top yes0 0.30 0.55 -> buy yes0 10 at 0.5 gtc; refused not_running
         trading on
         top yes0 0.31 0.55 -> sell yes0 5 at 0.4 gtc; refused shares
         blind yes0
         top yes0 0.30 0.55 -> buy yes0 10 at 0.5 gtc; refused market_not_open
         open yes0
         refuse next cash
         top yes0 0.30 0.55 -> buy yes0 10 at 0.5 gtc; refused cash
         top yes0 0.30 0.55 -> buy yes0 10 at 0.5 gtc",
    );
    let mut session = session(1);
    session.parameters = "gtc".into();
    session.limits.max_order = 4_999_999;
    let one = "trading on\n top yes0 0.30 0.55 -> buy yes0 10 at 0.5 gtc; refused max_order_usd";
    Stage::<Scripted>::run(&session, one);
}

#[test]
fn a_quote_stands_until_it_is_cancelled_and_is_placed_again_when_it_was_filled() {
    let stage = run(
        "gtc",
        "trading on
         top yes0 0.32 0.55 -> quote yes0 0.35x10 -
         top yes0 0.20 0.35x10 -> bought yes0 10 at 0.35
         top yes0 0.20 0.35x3 -> bought yes0 3 at 0.35
         top yes0 0.33 0.55 -> cancel all yes0
         top yes0 0.20 0.35x3",
    );
    assert_eq!((stage.open_orders(), stage.held(0)), (0, 13 * SHARE));
    let stage = run("gtc", "trading on\n top yes0 0.32 0.55 -> quote yes0 0.35x10 -\n trading off\n wait 5s");
    assert_eq!(stage.open_orders(), 0);
}

#[test]
fn timers_fire_when_time_passes_and_a_new_instance_has_the_old_ones_state() {
    let stage = run(
        "gtc",
        "show timers
         trading on
         top yes0 0.34 0.55 -> timer 7 in 2s
         wait 1999ms
         reload
         wait 1ms -> cancel 99; refused unknown_order
         wait 1m",
    );
    // Two events before the reload, then the session state, the timer and the refusal.
    assert_eq!(stage.strategy.seen, 5);
}

#[test]
fn a_market_that_ends_pays_and_takes_no_orders() {
    let stage = run(
        "gtc",
        "trading on
         top yes0 0.30 0.45x10 -> buy yes0 10 at 0.5 gtc; bought yes0 10 at 0.45
         top yes0 0.32 0.55 -> quote yes0 0.35x10 -
         resolved yes0 1
         top yes0 0.31 0.45x10 -> sell yes0 5 at 0.4 gtc; refused market_not_open",
    );
    // It paid 4.50 and a fee of 0.2475, and received 10.
    assert_eq!((stage.held(0), stage.open_orders(), stage.cash()), (0, 0, 10_000_000 - 4_500_000 - 247_500));
}

#[test]
fn both_outcomes_are_one_book() {
    let stage = run("gtc", "trading on\n book no0 0.45x10 0.70x7 -> buy yes0 10 at 0.5 gtc");
    assert_eq!(stage.open_orders(), 1, "the bid of YES is 0.30, its ask 0.55");
}

#[test]
fn a_script_that_expects_something_else_fails_and_shows_what_happened() {
    let failed = std::panic::catch_unwind(|| run("gtc", "trading on\n top yes0 0.30 0.45x4 -> buy yes0 10 at 0.5 fok"));
    let message = failed.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("!!  top yes0 0.30 0.45x4 -> buy yes0 10 at 0.5 gtc; bought yes0 4 at 0.45"), "{message}");
    assert!(message.contains("expected: buy yes0 10 at 0.5 fok"), "{message}");
}

#[test]
fn a_step_that_is_none_and_an_unexpected_silence_fail() {
    for script in ["tradign on", "top yes9 0.30 0.40", "top yes0 a 0.40", "wait 5", "trading on -> cancel all"] {
        let failed = std::panic::catch_unwind(|| run("gtc", script)).is_err();
        assert!(failed, "{script}");
    }
}

/// Records received events as text: the number of levels of depth events, the value of signals.
#[derive(Debug)]
struct Ears(String);

impl Strategy for Ears {
    fn describe() -> Manifest {
        Manifest::new("ears", "1.0.0", "Records depth and signals.")
    }

    fn new(_session: &Session) -> Result<Self, String> {
        Ok(Self(String::new()))
    }

    fn on_event(&mut self, event: &Event, _out: &mut Intents) {
        match event {
            Event::Depth(depth) => self.0 += &format!("depth {}/{};", depth.bids.len(), depth.asks.len()),
            Event::Own(OwnEvent { what: OwnKind::Signal(signal), .. }) => {
                self.0 += &format!("{}={};", signal.name, signal.value);
            }
            _ => {}
        }
    }
}

#[test]
fn depth_and_words_from_outside_arrive_as_the_script_gives_them() {
    let stage = Stage::<Ears>::run(
        &session(1),
        "depth yes0 0.40x5 0.39 / 0.44
         depth yes0 / 0.44
         signal mood up 3
         signal quiet",
    );
    assert_eq!(stage.strategy.0, "depth 2/1;depth 0/1;mood=up 3;quiet=;");
}

#[test]
fn levels_fill_what_rests_in_them() {
    run(
        "gtc",
        "trading on
         top yes0 0.30 0.55 -> buy yes0 10 at 0.5 gtc
         depth yes0 0.30 / 0.48x4 0.49 -> bought yes0 4 at 0.5",
    );
}

#[test]
fn a_fill_that_fails_leaves_shares_cost_cash_and_fee_as_they_were() {
    let bought = "trading on\n top yes0 0.30 0.45x4 -> buy yes0 10 at 0.5 gtc; bought yes0 4 at 0.45";
    let stage = run("gtc", &format!("{bought}\n fail last -> bought yes0 4 at 0.45 failed"));
    assert_eq!((stage.held(0), stage.cash()), (0, 0));
    let mut stage = run("gtc", "trading on\n top yes0 0.30 0.50x10 -> buy yes0 10 at 0.5 gtc; bought yes0 10 at 0.5");
    let (held, cash, cost) = (stage.held(0), stage.cash(), stage.strategy.cost);
    stage.go_on("top yes0 0.31 0.55 -> sell yes0 5 at 0.4 gtc\n trade yes0 buy 5 at 0.4 -> sold yes0 5 at 0.4");
    assert_eq!((stage.held(0), stage.strategy.cost), (held - 5 * SHARE, cost / 2));
    stage.go_on("fail last -> sold yes0 5 at 0.4 failed");
    assert_eq!((stage.held(0), stage.cash(), stage.strategy.cost), (held, cash, cost));
    stage.go_on("fail last -> bought yes0 10 at 0.5 failed");
    assert_eq!((stage.held(0), stage.cash(), stage.strategy.cost), (0, 0, 0));
    assert!(stage.fail_last().unwrap_err().contains("nothing was filled"));
}

#[test]
fn a_fill_that_was_paid_out_can_no_longer_fail() {
    let bought = "trading on\n top yes0 0.30 0.45x4 -> buy yes0 10 at 0.5 gtc; bought yes0 4 at 0.45";
    let mut stage = run("gtc", &format!("{bought}\n resolved yes0 1"));
    assert!(stage.fail_last().unwrap_err().contains("no longer held"));
}
