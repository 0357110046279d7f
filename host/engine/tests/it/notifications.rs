//! Notifications to strategies, by subscription.

use crate::story::{START, Story, WIDE, load_as, price};
use engine::Effect;
use model::event::{MarketEvent, MarketEventKind};
use model::input::{Channel, Command, Restriction, Scope, Settlement, StrategyChange, VenueState};
use model::{
    InputKind, Level, MarketIx, MarketState, NoteKind, OrderId, OwnEvent, REGULAR_TIMER, SessionState, Side, Signal,
    Size, StrategyId, TokenIx, Usd, Wants,
};

const M0: MarketIx = MarketIx(0);

fn wants(tops: bool, trades: bool, depth: u8) -> Wants {
    Wants { tops, trades, depth, every_micros: 0 }
}

/// Returns a story with strategies 3, 4, ... and these subscriptions.
fn story(wants: &[Wants]) -> Story {
    let mut story = Story::new(2, WIDE);
    for (wants, number) in wants.iter().zip(3..) {
        story.step(load_as(StrategyId(number), vec![M0], story.now, *wants));
    }
    story
}

/// Returns the market notes sent to a strategy in the last step, in short form.
fn notes(story: &Story, strategy: u16) -> Vec<String> {
    let notes = story.effects.iter().filter_map(|effect| match effect {
        Effect::NotifyMarket { strategy: who, note } if who.0 == strategy => Some(note),
        _ => None,
    });
    let level = |level: &Level| format!("{}x{}", level.price, level.size);
    let words = notes.map(|note| match &note.kind {
        NoteKind::Top { .. } => "top".to_owned(),
        NoteKind::Trade { .. } => "trade".to_owned(),
        NoteKind::Status { state, tick, pays } => {
            let pays = pays.map(|pays| format!(" pays {pays}")).unwrap_or_default();
            format!("t{} {state:?} {tick}{pays}", note.token)
        }
        NoteKind::Depth(depth) => {
            let (bids, asks) = depth.sides();
            let side = |levels: &[Level]| levels.iter().map(level).collect::<Vec<_>>().join(" ");
            format!("{} / {}", side(bids), side(asks))
        }
    });
    words.collect()
}

fn own(story: &Story, strategy: u16) -> Vec<OwnEvent> {
    let own = story.effects.iter().filter_map(|effect| match effect {
        Effect::NotifyOwn { strategy: who, event } if who.0 == strategy => Some(event.clone()),
        _ => None,
    });
    own.collect()
}

fn sessions(story: &Story, strategy: u16) -> Vec<SessionState> {
    let states = own(story, strategy).into_iter().filter_map(|event| match event {
        OwnEvent::Session { state } => Some(state),
        _ => None,
    });
    states.collect()
}

fn event(story: &mut Story, token: TokenIx, kind: MarketEventKind) {
    story.step(InputKind::Event(MarketEvent { token, venue_time: story.now, kind }));
}

fn level(story: &mut Story, side: Side, at: &str, shares: u64) {
    event(story, M0.token(0), MarketEventKind::Level { side, price: price(at), size: Size::shares(shares) });
}

#[test]
fn each_hears_what_it_asked_for() {
    let mut story =
        story(&[wants(true, false, 0), wants(false, true, 2), wants(false, false, 0), wants(true, true, 20)]);
    level(&mut story, Side::Buy, "0.41", 7);
    let two = "0.41x7 0.4x1000 / 0.42x1000";
    assert_eq!(notes(&story, 3), ["top"]);
    assert_eq!(notes(&story, 4), [two]);
    assert!(notes(&story, 5).is_empty());
    assert_eq!(notes(&story, 6), ["top", two]);
    assert_eq!(notes(&story, 1), ["top"], "the default subscriptions");
    let kind = MarketEventKind::Trade { side: Side::Buy, price: price("0.42"), size: Size::shares(1) };
    event(&mut story, M0.token(0), kind);
    let trades = [3, 4, 5, 6].map(|strategy| notes(&story, strategy).len());
    assert_eq!(trades, [0, 1, 0, 1]);
    event(&mut story, MarketIx(1).token(0), MarketEventKind::Resolved { pays: Usd::dollars(1) });
    assert!(notes(&story, 6).is_empty(), "no events of a market that is not granted");
}

#[test]
fn depth_is_sent_only_when_one_of_its_levels_changes() {
    let mut story = story(&[wants(false, false, 2), wants(false, false, 3)]);
    level(&mut story, Side::Buy, "0.39", 10);
    level(&mut story, Side::Buy, "0.38", 10);
    assert_eq!((notes(&story, 3).len(), notes(&story, 4).len()), (0, 1), "the third level");
    level(&mut story, Side::Buy, "0.37", 10);
    assert_eq!((notes(&story, 3).len(), notes(&story, 4).len()), (0, 0), "the fourth");
    level(&mut story, Side::Buy, "0.39", 10);
    assert_eq!((notes(&story, 3).len(), notes(&story, 4).len()), (0, 0), "nothing changed");
    level(&mut story, Side::Buy, "0.40", 0);
    assert_eq!(notes(&story, 3), ["0.39x10 0.38x10 / 0.42x1000"], "the next levels move up");
    assert_eq!(notes(&story, 4), ["0.39x10 0.38x10 0.37x10 / 0.42x1000"]);
    let book = MarketEventKind::Book { bids: vec![], asks: vec![] };
    event(&mut story, M0.token(0), book);
    assert_eq!(notes(&story, 3), [" / "]);
}

#[test]
fn an_instance_begins_with_every_market_as_it_stands() {
    let mut story = Story::new(2, WIDE);
    event(&mut story, MarketIx(1).token(0), MarketEventKind::Resolved { pays: Usd::dollars(1) });
    story.step(load_as(StrategyId(3), vec![M0, MarketIx(1)], story.now, wants(true, false, 1)));
    let received = notes(&story, 3);
    let books = ["top", "0.4x1000 / 0.42x1000", "top", "0.58x1000 / 0.6x1000"];
    assert_eq!(received[..4], books);
    assert_eq!(received[4..], ["t2 Resolved 0.01 pays 1", "t3 Resolved 0.01"]);
    assert_eq!(sessions(&story, 3), [SessionState::Running]);
}

#[test]
fn a_market_that_goes_blind_and_recovers_is_notified_once_each() {
    let mut story = Story::new(1, WIDE);
    story.step(InputKind::Clock);
    assert_eq!(notes(&story, 1), ["t0 Open 0.01", "t1 Open 0.01"]);
    story.step(InputKind::Clock);
    assert!(notes(&story, 1).is_empty());
    story.now = story.now.plus_millis(61_000);
    story.step(InputKind::BookConfirmed { token: M0.token(0) });
    story.step(InputKind::Clock);
    assert_eq!(
        notes(&story, 1),
        ["t0 Paused 0.01", "t1 Blind 0.01"],
        "the other book is stale, so nothing new is placed"
    );
    story.step(InputKind::BookConfirmed { token: M0.token(1) });
    story.step(InputKind::Clock);
    assert_eq!(notes(&story, 1), ["t0 Open 0.01", "t1 Open 0.01"]);
    event(&mut story, M0.token(0), MarketEventKind::TickSize { tick: model::TickSize::MILL });
    assert_eq!(notes(&story, 1), ["t0 Blind 0.001"], "a new snapshot is requested");
    story.step(InputKind::Feed { channel: Channel::Market, up: false });
    story.step(InputKind::Clock);
    assert_eq!(notes(&story, 1), ["t1 Blind 0.001"]);
}

#[test]
fn a_token_with_an_unparsed_message_is_blind_until_its_book_and_its_grid_arrive_again() {
    let mut story = Story::new(2, WIDE);
    let states = |story: &Story| [0, 1, 2, 3].map(|token| story.engine.market_state(TokenIx(token)));
    let (open, blind) = (MarketState::Open, MarketState::Blind);
    assert_eq!(states(&story), [open; 4]);
    let unread = |grid| MarketEventKind::Unread { grid };
    event(&mut story, TokenIx(0), unread(false));
    assert_eq!(states(&story), [blind, open, open, open], "no other token is blind");
    let asked =
        |story: &Story| story.effects.iter().any(|effect| matches!(effect, Effect::Resnapshot { token: TokenIx(0) }));
    assert!(asked(&story));
    story.book(M0, "0.40", "0.42");
    assert_eq!(states(&story), [open; 4]);
    // A book is not trusted while its grid message could not be parsed.
    event(&mut story, TokenIx(0), unread(true));
    story.book(M0, "0.40", "0.42");
    assert_eq!(states(&story), [blind, open, open, open]);
    event(&mut story, TokenIx(0), MarketEventKind::TickSize { tick: model::TickSize::MILL });
    assert_eq!(states(&story), [blind, open, open, open]);
    story.book(M0, "0.40", "0.42");
    assert_eq!(states(&story), [open; 4]);
    event(&mut story, TokenIx(0), MarketEventKind::Resolved { pays: Usd::ZERO });
    event(&mut story, TokenIx(0), unread(false));
    assert!(!asked(&story) && states(&story)[0] == MarketState::Resolved);
}

#[test]
fn a_restricted_market_is_paused_until_it_is_released() {
    let mut story = Story::new(2, WIDE);
    story.step(InputKind::Clock);
    let restrict = |restriction| InputKind::Command(Command::Restrict { scope: Scope::Market(M0), restriction });
    story.step(restrict(Restriction::ReduceOnly));
    story.step(InputKind::Clock);
    assert_eq!(notes(&story, 2), ["t0 Paused 0.01", "t1 Paused 0.01"]);
    assert!(sessions(&story, 2).is_empty(), "the strategy trades elsewhere");
    story.step(restrict(Restriction::None));
    story.step(InputKind::Clock);
    assert_eq!(notes(&story, 2), ["t0 Open 0.01", "t1 Open 0.01"]);
    assert_eq!(story.engine.market_state(M0.token(0)), MarketState::Open);
}

#[test]
fn a_session_state_is_sent_when_it_changes() {
    let mut story = Story::new(1, WIDE);
    let mut states_after = |body: InputKind| {
        story.step(body);
        (sessions(&story, 1), sessions(&story, 2))
    };
    let both = |state| (vec![state], vec![state]);
    let restrict = |restriction, scope| InputKind::Command(Command::Restrict { scope, restriction });
    assert_eq!(states_after(InputKind::Command(Command::Pause)), both(SessionState::Paused));
    assert_eq!(states_after(InputKind::Command(Command::Pause)), (vec![], vec![]));
    assert_eq!(states_after(InputKind::Command(Command::Resume)), both(SessionState::Running));
    let reduce = restrict(Restriction::ReduceOnly, Scope::Session);
    assert_eq!(states_after(reduce), both(SessionState::ReduceOnly));
    let one = restrict(Restriction::CancelOnly, Scope::Strategy(StrategyId(2)));
    assert_eq!(states_after(one), (vec![], vec![SessionState::CancelOnly]));
    let lifted = restrict(Restriction::None, Scope::Session);
    assert_eq!(states_after(lifted), (vec![SessionState::Running], vec![]));
    let lifted = restrict(Restriction::None, Scope::Strategy(StrategyId(2)));
    assert_eq!(states_after(lifted), (vec![], vec![SessionState::Running]));
    assert_eq!(states_after(InputKind::Venue { state: VenueState::Restarting }), both(SessionState::CancelOnly));
    assert_eq!(states_after(InputKind::Venue { state: VenueState::PostOnly }), both(SessionState::Running));
    let stop = Command::EmergencyStop { reason: "test".into() };
    assert_eq!(states_after(InputKind::Command(stop)), both(SessionState::Stopped));
}

#[test]
fn a_lost_user_channel_is_notified_when_its_grace_is_over() {
    let mut story = Story::new(1, WIDE);
    story.step(InputKind::Feed { channel: Channel::User, up: false });
    assert!(sessions(&story, 1).is_empty());
    story.now = story.now.plus_millis(16_000);
    story.step(InputKind::Clock);
    assert_eq!(sessions(&story, 1), [SessionState::CancelOnly]);
    story.step(InputKind::Feed { channel: Channel::User, up: true });
    assert_eq!(sessions(&story, 1), [SessionState::Running]);
}

#[test]
fn a_fill_is_followed_until_it_is_final() {
    let mut story = Story::new(1, WIDE);
    let bid = model::Quote { price: price("0.41"), size: Size::shares(10) };
    story.intent(model::IntentKind::Quote { token: M0.token(0), bid: Some(bid), ask: None });
    let (order, shares) = (OrderId(1), Size::shares(4));
    let mut settled = |settlement, id| {
        story.trade(order, shares, price("0.41"), settlement, id);
        let events = own(&story, 1).into_iter().filter_map(|event| match event {
            OwnEvent::Fill { size, .. } => Some(format!("fill {size}")),
            OwnEvent::Settlement { order, size, settlement, .. } => Some(format!("#{order} {size} {settlement:?}")),
            OwnEvent::Position { size, .. } => Some(format!("owns {size}")),
            _ => None,
        });
        events.collect::<Vec<_>>()
    };
    assert_eq!(settled(Settlement::Matched, 1), ["fill 4", "owns 4"]);
    assert_eq!(settled(Settlement::Matched, 1), [""; 0], "repeated");
    assert_eq!(settled(Settlement::Mined, 1), ["#1 4 Mined", "owns 4"]);
    assert_eq!(settled(Settlement::Failed, 1), ["#1 4 Failed", "owns 0"]);
    assert_eq!(settled(Settlement::Confirmed, 1), [""; 0], "a final state stays final");
    assert_eq!(settled(Settlement::Confirmed, 2), ["fill 4", "#1 4 Mined", "owns 4", "#1 4 Confirmed", "owns 4"]);
}

#[test]
fn parameters_and_word_from_outside_reach_the_strategy_that_runs() {
    let mut story = Story::new(1, WIDE);
    let answered = |story: &Story| {
        story.effects.iter().find_map(|effect| match effect {
            Effect::Answered { refused } => Some(refused.clone()),
            _ => None,
        })
    };
    let text = || "{\"spread\": 2}".to_owned();
    story.step(InputKind::Strategy(StrategyChange::Parameters { strategy: StrategyId(2), parameters: text() }));
    assert_eq!(own(&story, 2), [OwnEvent::Parameters { text: text() }]);
    assert!(own(&story, 1).is_empty());
    assert_eq!(answered(&story), Some(None));
    let signal = Signal { name: "score".into(), value: "0.7".into() };
    story.step(InputKind::Strategy(StrategyChange::Signal { strategy: StrategyId(1), signal: signal.clone() }));
    assert_eq!(own(&story, 1), [OwnEvent::Signal(signal.clone())]);
    story.step(InputKind::Strategy(StrategyChange::Signal { strategy: StrategyId(9), signal }));
    assert!(own(&story, 9).is_empty() && answered(&story).is_some_and(|refused| refused.is_some()));
}

#[test]
fn a_regular_timer_fires_at_the_requested_interval() {
    let mut story = Story::new(1, WIDE);
    let every = Wants { every_micros: 1_000_000, ..Wants::FIRST };
    story.step(load_as(StrategyId(3), vec![M0], START, every));
    let mut times = Vec::new();
    for tenth in 1..=50_u64 {
        story.now = START.plus_millis(tenth * 100);
        story.step(InputKind::Clock);
        let due = own(&story, 3).contains(&OwnEvent::Timer { timer: REGULAR_TIMER });
        times.extend(due.then_some(tenth));
    }
    assert_eq!(times, [10, 20, 30, 40, 50]);
    story.step(InputKind::Strategy(StrategyChange::Removed { strategy: StrategyId(3), reason: "gone".into() }));
    story.now = story.now.plus_millis(5_000);
    story.step(InputKind::Clock);
    assert!(own(&story, 3).is_empty());
}
