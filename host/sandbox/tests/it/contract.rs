//! Contract versions: files of the previous version trade, others are rejected by name, and a guest receives every kind
//! of event.

use crate::guest::{Guest, session, top};
use crate::shipped::built;
use model::{
    Book, Depth, IntentKind, Level, MarketIx, MarketNote, MarketState, NoteKind, OrderId, OwnEvent, Price, Quote,
    SessionState, Side, Signal, Size, TickSize, Time, TradeId, Usd, Wants,
};
use sandbox::{Batch, Compiler, Contract, Grant, Grants, Instance, Reaction, Sandbox, Session, Settings};

/// An instance, and the number of events that it has consumed.
struct Rig {
    instance: Instance,
    consumed_total: u64,
}

impl Rig {
    fn start(name: &str, session: Session) -> Option<Self> {
        let bytes = built(name)?;
        let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
        let module = sandbox.load(&bytes).unwrap();
        Some(Self { instance: Instance::start(&sandbox, &module, session).unwrap(), consumed_total: 0 })
    }

    fn show(&mut self, fill: impl FnOnce(&Grants, &mut Batch)) -> Reaction {
        let mut batch = Batch::default();
        fill(self.instance.grants(), &mut batch);
        let reaction = self.instance.on_events(self.consumed_total, &mut batch).unwrap();
        self.consumed_total += u64::from(reaction.consumed);
        reaction
    }

    fn own(&mut self, event: OwnEvent) -> Reaction {
        self.show(|grants, batch| batch.own(grants, Time(2_000_000), &event))
    }

    fn market(&mut self, kind: NoteKind) -> Reaction {
        self.show(|grants, batch| batch.market(grants, &MarketNote { kind, ..top(2) }))
    }
}

fn settlement() -> OwnEvent {
    OwnEvent::Settlement {
        order: OrderId(1),
        tag: 1,
        token: MarketIx(4).token(0),
        side: Side::Buy,
        price: Price::from_micros(400_000).unwrap(),
        size: Size::shares(5),
        trade: TradeId([1; 16]),
        part: 0,
        settlement: model::input::Settlement::Mined,
    }
}

const RUNNING: OwnEvent = OwnEvent::Session { state: SessionState::Running };

#[test]
fn a_file_of_the_version_before_trades() {
    let Some(mut rig) = Rig::start("fixtures/since_0_1.wasm", session()) else { return };
    assert!(rig.show(|grants, batch| batch.market(grants, &top(2))).intents.is_empty(), "trading has not begun");
    // An event that its contract does not have counts as an event, also between others.
    let reaction = rig.show(|grants, batch| {
        for event in [RUNNING, settlement(), OwnEvent::Parameters { text: "{}".into() }] {
            batch.own(grants, Time(2_000_000), &event);
        }
        batch.market(grants, &top(3));
        batch.market(grants, &top(4));
    });
    assert_eq!(reaction.consumed, 4);
    let bid = Some(Quote { price: Price::from_micros(400_000).unwrap(), size: Size::shares(5) });
    assert_eq!(reaction.intents[0].kind, IntentKind::Quote { token: MarketIx(4).token(0), bid, ask: None });
    let status = |state| NoteKind::Status { tick: TickSize::CENT, state, pays: None };
    for (state, quotes) in [(MarketState::Paused, 0), (MarketState::Open, 1), (MarketState::Blind, 0)] {
        assert!(rig.market(status(state)).intents.is_empty());
        assert_eq!(rig.market(top(5).kind).intents.len(), quotes, "{state:?}");
    }
    assert_eq!(rig.instance.save().unwrap(), [2], "two events that its contract does not have");
}

#[test]
fn a_file_of_the_version_before_says_what_it_can() {
    let Some(bytes) = built("fixtures/since_0_1.wasm") else { return };
    let module = Sandbox::new(Settings::default(), Compiler::Inline).unwrap().load(&bytes).unwrap();
    let manifest = module.manifest();
    assert_eq!((manifest.contract, manifest.wants, manifest.markets_max), (Contract::V0_1, Wants::FIRST, 1));
    assert_eq!(manifest.selection, sandbox::Selection::default());
}

#[test]
fn a_file_of_another_version_is_refused_with_both_versions() {
    let sandbox = crate::guest::sandbox();
    for version in ["0.3.0", "1.0.0", "0.20.1"] {
        let guest = Guest { version, ..Guest::default() };
        let error = sandbox.load(&guest.core()).unwrap_err().to_string();
        assert_eq!(error, format!("the module follows polytrader:strategy@{version}; this host supports 0.2 and 0.1"));
    }
    let patch = Guest { version: "0.2.9", ..Guest::default() };
    assert_eq!(sandbox.load(&patch.core()).unwrap().manifest().contract, Contract::V0_2);
}

#[test]
fn a_guest_hears_depth_settlements_timers_parameters_and_signals() {
    let Some(mut rig) = Rig::start("fixtures/listener.wasm", session()) else { return };
    rig.own(RUNNING);
    let level =
        |cents: u32, shares| Level { price: Price::from_micros(cents * 10_000).unwrap(), size: Size::shares(shares) };
    let bids: Vec<Level> = (30..=40).map(|cents| level(cents, 10)).collect();
    let mut depth = |asks: u64| {
        let book = Book::from_levels(&bids, &[level(44, asks)]).unwrap();
        rig.market(NoteKind::Depth(Depth::of(&book, 5))).intents
    };
    let bid = |intents: &[model::Intent]| match intents[0].kind {
        IntentKind::Quote { bid: Some(bid), .. } => bid.price.micros(),
        ref other => panic!("{other:?}"),
    };
    assert_eq!(bid(&depth(49)), 440_000, "five levels of ten weigh more than 49");
    assert!(depth(1).is_empty());
    assert_eq!(bid(&depth(51)), 360_000, "the fifth bid is the last that it sees");
    let echo = rig.own(OwnEvent::Parameters { text: "{\"a\": 1}".into() });
    assert_eq!(echo.intents[0].reason, "{\"a\": 1}");
    let echo = rig.own(OwnEvent::Signal(Signal { name: "score".into(), value: "0.7".into() }));
    assert_eq!(echo.intents[0].reason, "score: 0.7");
    rig.own(settlement());
    rig.own(OwnEvent::Timer { timer: model::REGULAR_TIMER });
    rig.market(NoteKind::Status { tick: TickSize::CENT, state: MarketState::Resolved, pays: Some(Usd::dollars(1)) });
    let state = rig.instance.save().unwrap();
    let counts: Vec<u8> = state.chunks(8).map(|count| count[0]).collect();
    assert_eq!(
        counts,
        [0, 0, 3, 1, 1, 1, 1, 1, 1],
        "tops, trades, depths, states, settlements, sessions, timers, others, parameters"
    );
}

#[test]
fn a_manifest_says_what_it_wants() {
    let Some(bytes) = built("fixtures/listener.wasm") else { return };
    let module = Sandbox::new(Settings::default(), Compiler::Inline).unwrap().load(&bytes).unwrap();
    let manifest = module.manifest();
    let wants = Wants { tops: true, trades: true, depth: 5, every_micros: 1_000_000 };
    assert_eq!((manifest.wants, manifest.contract), (wants, Contract::V0_2));
}

#[test]
fn a_token_has_the_handle_of_its_place() {
    let mut session = session();
    let market = session.grants.markets()[0].market.clone();
    session.grants = Grants::at(vec![Grant { ix: MarketIx(4), market, place: 33 }]);
    let Some(mut rig) = Rig::start("fixtures/since_0_1.wasm", session) else { return };
    rig.own(RUNNING);
    let mut words = Batch::default();
    words.market(rig.instance.grants(), &top(2));
    assert!(format!("{words:?}").contains(&(0x0106_0000_0000_0000_u64 | 66).to_string()), "{words:?}");
    let reaction = rig.market(top(2).kind);
    assert!(matches!(reaction.intents[0].kind, IntentKind::Quote { token, .. } if token == MarketIx(4).token(0)));
}
