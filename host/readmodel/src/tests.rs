#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

use super::*;
use crate::views::ModeView;
use crate::views::{MarketStateView, OrderStateView, SettlementView, StrategyStateView};
use engine::{BotState, Refusal, Restriction, Rule};
use model::event::Reason;
use model::input::{Breaker, Scope, Settlement};
use model::{Level, MarketState, Price, TickSize};
use model::{MarketIx, NewOrder, OrderKind, OrderState, Side, Size, TradeId, Usd};

fn picture() -> ReadModel {
    let picture = ReadModel::new(&Begin { mode: ModeView::Demo, session: 7, at: Time(1_000_000) });
    let outcomes = ["Up".into(), "Down".into()];
    picture.market(&Market { outcomes, slug: "btc".into(), question: "Bitcoin?".into(), ..testkit::market(1) });
    picture
}

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).unwrap()
}

fn order(id: u64) -> NewOrder {
    NewOrder {
        id: OrderId(id),
        strategy: StrategyId(1),
        tag: 0,
        token: TokenIx(1),
        side: Side::Buy,
        price: price(40),
        size: Size::shares(10),
        kind: OrderKind::Gtc { post_only: true },
    }
}

fn tell(picture: &ReadModel, id: u64, state: OrderState, reason: &str) {
    let record = EngineEvent::Order { order: order(id), state, filled: Size::ZERO, reason: reason.into() };
    picture.record(Time(2_000_000), &record);
}

fn fill(trade: u8, settlement: Settlement) -> EngineEvent {
    EngineEvent::Fill {
        order: OrderId(1),
        strategy: StrategyId(1),
        trade: TradeId([trade; 16]),
        part: 0,
        token: TokenIx(1),
        side: Side::Buy,
        price: price(40),
        size: Size::shares(5),
        cost: Usd::dollars(2),
        fee: Usd::ZERO,
        maker: true,
        settlement,
    }
}

#[test]
fn an_order_keeps_its_reason_and_id_until_it_is_over() {
    let picture = picture();
    picture.venue_id(OrderId(1), VenueOrderId([9; 32]));
    tell(&picture, 1, OrderState::Pending, "quote");
    tell(&picture, 1, OrderState::Live, "");
    let orders = picture.snapshot().orders;
    let [shown] = orders.as_slice() else { panic!("{orders:?}") };
    assert_eq!((shown.reason.as_str(), shown.state, shown.is_over), ("quote", OrderStateView::Live, false));
    assert_eq!((shown.market.as_str(), shown.outcome.as_str()), ("btc", "Down"));
    assert!(shown.venue_id.starts_with("0x0909"));
    tell(&picture, 1, OrderState::Cancelled, "");
    assert!(picture.snapshot().orders.is_empty());
}

#[test]
fn a_fill_that_settles_further_is_the_same_trade() {
    let picture = picture();
    for settlement in [Settlement::Matched, Settlement::Mined, Settlement::Confirmed] {
        picture.record(Time(2), &fill(1, settlement));
    }
    let trades = picture.snapshot().trades;
    assert_eq!(trades.len(), 1);
    assert_eq!(trades[0].settlement, SettlementView::Confirmed);
    for trade in 2..=150 {
        picture.record(Time(3), &fill(trade, Settlement::Matched));
    }
    let trades = picture.snapshot().trades;
    assert_eq!((trades.len(), trades[0].id.as_str()), (100, "96969696-9696-9696-9696-969696969696.0.1"));
    picture.record(Time(4), &fill(1, Settlement::Confirmed));
    assert_eq!(picture.snapshot().trades[0].id, trades[0].id, "an old trade is not shown as new");
}

#[test]
fn a_trade_between_two_of_our_orders_is_two_fills_everywhere() {
    let picture = picture();
    let EngineEvent::Fill { trade, .. } = fill(1, Settlement::Matched) else { panic!("no fill") };
    let mut of_hand = fill(1, Settlement::Mined);
    if let EngineEvent::Fill { order, strategy, maker, .. } = &mut of_hand {
        (*order, *strategy, *maker) = (OrderId(2), StrategyId::EXTERNAL, false);
    }
    picture.record(Time(2), &fill(1, Settlement::Matched));
    picture.record(Time(3), &of_hand);
    let trades = picture.snapshot().trades;
    // Only the id distinguishes rows in the database and on the page.
    let identities: Vec<_> = trades.iter().map(|view| (view.id.clone(), &*view.strategy, view.settlement)).collect();
    let (mined, matched) = (SettlementView::Mined, SettlementView::Matched);
    let expected = [(format!("{trade}.0.2"), "by hand", mined), (format!("{trade}.0.1"), "strategy 1", matched)];
    assert_eq!(identities, expected);
}

#[test]
fn what_a_share_pays_is_known_while_trades_still_settle() {
    let picture = picture();
    let (token, cost, realised) = (TokenIx(1), Usd::dollars(2), Usd::ZERO);
    let record = EngineEvent::Position { token, size: Size::shares(5), cost, realised };
    picture.record(Time(2), &record);
    let mut valued = picture.snapshot().positions;
    valued[0].pays_micro_usd = Some(1_000_000);
    let pnl = picture.snapshot().pnl;
    picture.account(pnl, 1, valued);
    picture.record(Time(3), &record);
    assert_eq!(picture.snapshot().positions[0].pays_micro_usd, Some(1_000_000));
}

#[test]
fn a_breaker_of_markets_is_open_while_one_of_them_is() {
    let picture = picture();
    let record = |scope, tripped| EngineEvent::Breaker {
        breaker: Breaker::StaleData,
        scope,
        tripped,
        reason: Reason::from("60 s"),
    };
    picture.record(Time(5_000_000), &record(Scope::Market(MarketIx(0)), true));
    let shown = || picture.snapshot().breakers.into_iter().find(|view| view.name == "stale_data").unwrap();
    assert_eq!((shown().tripped, shown().markets, shown().since_ms), (true, vec!["btc".to_owned()], Some(5_000)));
    picture.record(Time(6_000_000), &record(Scope::Session, true));
    picture.record(Time(7_000_000), &record(Scope::Market(MarketIx(0)), false));
    assert!(shown().tripped && shown().markets.is_empty());
    picture.record(Time(8_000_000), &record(Scope::Session, false));
    assert_eq!((shown().tripped, shown().reason.as_str()), (false, ""));
}

#[test]
fn the_stream_resumes_where_a_follower_left_and_reports_when_it_cannot() {
    let picture = picture();
    let seq = picture.snapshot().seq;
    let state = |state| EngineEvent::State { state, restriction: Restriction::None, reason: Reason::new() };
    picture.record(Time(1), &state(BotState::Running));
    picture.record(Time(2), &state(BotState::Stopped));
    let mut follow = picture.follow(seq).unwrap();
    assert_eq!(follow.missed.iter().map(|message| message.seq).collect::<Vec<_>>(), vec![seq + 1, seq + 2]);
    picture.record(Time(3), &state(BotState::Running));
    let live = follow.live.try_recv().unwrap();
    assert_eq!(live.seq, seq + 3);
    assert!(live.json.contains("\"RUNNING\""), "{}", live.json);
    assert!(picture.follow(seq + 4).is_none(), "it is in the future");
    let refusal = Refusal { rule: Rule::Cash, value: 2, limit: 1 };
    let refused = EngineEvent::Refused { strategy: StrategyId(1), tag: 0, token: Some(TokenIx(0)), refusal };
    for minute in 0..5_000 {
        picture.record(Time(4 + minute * 60_000_000), &refused);
    }
    assert!(picture.follow(seq).is_none(), "it was dropped");
    assert_eq!(picture.snapshot().refusals.len(), 50);
    assert!(picture.follow(picture.snapshot().seq).unwrap().missed.is_empty());
}

#[test]
fn equal_refusals_within_a_minute_are_one_streamed_once_a_second() {
    let picture = picture();
    let seq = picture.snapshot().seq;
    let refused = |strategy, value| EngineEvent::Refused {
        strategy: StrategyId(strategy),
        tag: 0,
        token: Some(TokenIx(0)),
        refusal: Refusal { rule: Rule::Cash, value, limit: 1 },
    };
    for number in 0..20_000 {
        picture.record(Time(60_000_000 + number * 500), &refused(1, i64::try_from(number).unwrap()));
    }
    picture.record(Time(70_000_000), &refused(2, 7));
    let snapshot = picture.snapshot();
    let rows: Vec<_> = snapshot.refusals.iter().map(|row| (row.at_ms, row.last_at_ms, row.count, row.value)).collect();
    assert_eq!(rows, [(70_000, 70_000, 1, 7), (60_000, 69_999, 20_000, 19_999)]);
    assert_eq!(snapshot.seq - seq, 11, "ten seconds, and another strategy");
    picture.record(Time(120_000_000), &refused(1, 3));
    let first = picture.snapshot().refusals[0].clone();
    assert_eq!((first.at_ms, first.count), (120_000, 1), "a minute later it is a new one");
}

#[test]
fn a_markets_top_is_streamed_at_most_twice_a_second_and_always_kept() {
    let picture = picture();
    let seq = picture.snapshot().seq;
    let top = |bid| Top {
        bid: Some(Level { price: price(bid), size: Size::shares(1) }),
        ask: None,
        last: None,
        state: MarketState::Open,
        tick: TickSize::CENT,
    };
    for step in 0..100 {
        picture.top(Time(1_000_000 + u64::from(step) * 10_000), TokenIx(0), &top(1 + step % 90));
    }
    assert_eq!(picture.snapshot().seq - seq, 2);
    assert_eq!(picture.best(TokenIx(0)), Some((Some(price(10).micros()), None)));
    assert_eq!(picture.snapshot().markets[0].state, MarketStateView::Open);
}

#[test]
fn a_strategys_pnl_is_streamed_when_it_changes_and_stays_when_its_file_changes() {
    let picture = picture();
    let view = |state| StrategyView { name: "quoter".into(), state, ..StrategyView::default() };
    let updates = || picture.follow(0).unwrap().missed.len();
    let gain = |realised| StrategyPnl { realised: Usd(realised), unrealised: Usd(-2), fees: Usd(3), today: Usd(-4) };
    let all = |realised| [(StrategyId(1), gain(realised)), (StrategyId(9), gain(5))].into_iter();
    picture.strategy(StrategyId(1), view(StrategyStateView::Running));
    let before = updates();
    picture.gains(all(7));
    picture.gains(all(7));
    assert_eq!(updates(), before + 1, "only for shown strategies, and only changes");
    tell(&picture, 1, OrderState::Pending, "quote");
    picture.strategy(StrategyId(1), view(StrategyStateView::Loaded));
    let all = picture.snapshot().strategies;
    let [shown] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((shown.state, shown.orders), (StrategyStateView::Loaded, 1));
    assert_eq!((shown.realised_micro_usd, shown.unrealised_micro_usd), (7, -2));
    assert_eq!((shown.fees_micro_usd, shown.today_micro_usd, shown.profit_micro_usd), (3, -4, 2));
}

/// Checks that the page's types are generated from ours. With UPDATE=1 this writes them.
#[test]
fn the_pages_types_are_ours() {
    use std::path::Path;
    use ts_rs::TS;
    let config = ts_rs::Config::default();
    let out = std::env::temp_dir().join(format!("polytrader-types-{}", std::process::id()));
    let _gone = std::fs::remove_dir_all(&out);
    let config = config.with_out_dir(&out);
    views::Snapshot::export_all(&config).unwrap();
    views::StreamMessage::export_all(&config).unwrap();
    views::SessionView::export_all(&config).unwrap();
    views::Login::export_all(&config).unwrap();
    views::ReasonBody::export_all(&config).unwrap();
    views::Problem::export_all(&config).unwrap();
    views::ConfigView::export_all(&config).unwrap();
    views::SettingBody::export_all(&config).unwrap();
    views::DurableView::export_all(&config).unwrap();
    views::RestrictionBody::export_all(&config).unwrap();
    views::TransferBody::export_all(&config).unwrap();
    views::HealthView::export_all(&config).unwrap();
    views::ConnectionView::export_all(&config).unwrap();
    views::LeftOutView::export_all(&config).unwrap();
    views::RecordsView::export_all(&config).unwrap();
    views::AlertsView::export_all(&config).unwrap();
    views::AlertView::export_all(&config).unwrap();
    views::OrderHistoryView::export_all(&config).unwrap();
    views::PastOrderView::export_all(&config).unwrap();
    views::PastRefusalView::export_all(&config).unwrap();
    views::AuditView::export_all(&config).unwrap();
    views::VenueOrderView::export_all(&config).unwrap();
    views::StrategyVersionView::export_all(&config).unwrap();
    views::VersionBody::export_all(&config).unwrap();
    views::ArmBody::export_all(&config).unwrap();
    views::AssignBody::export_all(&config).unwrap();
    views::ParametersView::export_all(&config).unwrap();
    views::ParametersBody::export_all(&config).unwrap();
    views::ClaimView::export_all(&config).unwrap();
    views::ClaimRunView::export_all(&config).unwrap();
    views::ClaimBody::export_all(&config).unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/src/generated");
    let mut differ = Vec::new();
    for entry in std::fs::read_dir(&out).unwrap() {
        let made = entry.unwrap().path();
        let name = made.file_name().unwrap().to_owned();
        let text = std::fs::read_to_string(&made).unwrap();
        let there = committed.join(&name);
        if std::fs::read_to_string(&there).ok().as_ref() != Some(&text) {
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&there, &text).unwrap();
            }
            differ.push(name);
        }
    }
    std::fs::remove_dir_all(&out).unwrap();
    assert!(
        differ.is_empty(),
        "dashboard/src/generated differs: run UPDATE=1 cargo test -p readmodel once; {differ:?}"
    );
}

#[test]
fn readers_of_a_moment_get_one_snapshot_and_the_next_moment_another() {
    let picture = picture();
    tell(&picture, 1, OrderState::Pending, "quote");
    let first = picture.snapshot_json().unwrap();
    let second = picture.snapshot_json().unwrap();
    let as_made = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(as_made(&first), serde_json::to_value(picture.snapshot()).unwrap());
    // On a slow machine they may be serialised separately, but are equal.
    assert!(Arc::ptr_eq(&first, &second) || first == second);
    tell(&picture, 2, OrderState::Pending, "quote");
    let started = std::time::Instant::now();
    while as_made(&picture.snapshot_json().unwrap())["orders"].as_array().unwrap().len() < 2 {
        assert!(started.elapsed().as_secs() < 20, "the snapshot stays old");
    }
    assert_eq!(as_made(&first)["orders"].as_array().unwrap().len(), 1);
}

#[test]
fn a_snapshot_shares_its_rows_until_they_change_and_never_changes_itself() {
    let picture = picture();
    tell(&picture, 1, OrderState::Pending, "quote");
    let shown = picture.lock().0.shown(0);
    let now = |picture: &ReadModel| picture.lock().0.shown(0).orders.remove(0);
    assert!(Arc::ptr_eq(&shown.orders[0], &now(&picture)), "no row is copied under the lock");
    picture.venue_id(OrderId(1), VenueOrderId([9; 32]));
    assert!(!Arc::ptr_eq(&shown.orders[0], &now(&picture)));
    assert_eq!(Snapshot::from(shown).orders[0].venue_id, "");
    assert!(picture.snapshot().orders[0].venue_id.starts_with("0x0909"));
}
