//! Strategy commands, and arming with a budget.

use super::*;
use model::{Budget, StrategyId, Usd};

const PATH: &str = "/v1/strategies/quoter/arm";

#[tokio::test]
async fn a_strategy_is_armed_with_a_budget_and_errors_in_it_are_named() {
    let rig = Rig::new("arming").await;
    let view = readmodel::views::StrategyView { name: "quoter".to_owned(), ..Default::default() };
    rig.parts.picture.strategy(StrategyId(1), view);
    let budget = json!({ "capital_usd": 100, "daily_loss_usd": "2.5", "orders_per_minute": 7 });
    for (body, status) in [
        (json!({ "hash": "ab", "budget": budget, "reason": "looked at" }), StatusCode::ACCEPTED),
        (json!({ "budget": {} }), StatusCode::ACCEPTED),
        (json!({ "budget": null }), StatusCode::ACCEPTED),
    ] {
        assert_eq!(rig.as_(&rig.admin, "POST", PATH, &body.to_string()).await.0, status, "{body}");
    }
    assert_eq!(rig.as_(&rig.admin, "POST", PATH, "").await.0, StatusCode::ACCEPTED);
    let all = Budget { capital: Some(Usd::dollars(100)), daily_loss: Some(Usd(2_500_000)), orders_per_minute: Some(7) };
    let armed = |hash: Option<&str>, budget| {
        ("quoter".to_owned(), StrategyCommand::Arm { hash: hash.map(ToOwned::to_owned), budget, run: None })
    };
    let words = [armed(Some("ab"), Some(all)), armed(None, Some(Budget::NONE)), armed(None, None), armed(None, None)];
    assert_eq!(*rig.words.lock().unwrap(), words);
    // The strategy manager returns what was armed; the audit has that text.
    let audits = rig.parts.db.audits(8).await.unwrap();
    let first = audits.last().unwrap();
    assert_eq!((first.outcome.as_str(), first.detail.as_str()), ("asked", "ab: looked at"));
    let done = &audits[audits.len() - 2];
    assert_eq!((done.who.as_str(), done.outcome.as_str()), ("admin", "ok"));
    assert_eq!(done.detail, "armed quoter: ab: looked at");
    for (body, words) in [
        (json!({ "budget": { "capital_usd": -1 } }), "budget.capital_usd is -1, expected dollars"),
        (json!({ "budget": { "daily_loss_usd": "much" } }), "budget.daily_loss_usd is \"much\""),
        (json!({ "budget": { "orders_per_minute": 1.5 } }), "expected a whole number"),
        (json!({ "budget": { "capital": 5 } }), "unknown field `capital`"),
        (json!({ "bugdet": { "capital_usd": 5 } }), "unknown field `bugdet`"),
    ] {
        let (status, answer) = rig.as_(&rig.admin, "POST", PATH, &body.to_string()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["detail"].as_str().unwrap().contains(words), "{answer}");
    }
    assert_eq!(rig.words.lock().unwrap().len(), 4, "no strategy is armed with half a budget");
}

#[tokio::test]
async fn strategies_are_disabled_enabled_armed_and_rolled_back_by_those_who_may() {
    let rig = Rig::new("words").await;
    for (number, name) in [(1, "quoter"), (2, "down")] {
        let view =
            readmodel::views::StrategyView { name: name.to_owned(), hash: "ab".to_owned(), ..Default::default() };
        rig.parts.picture.strategy(model::StrategyId(number), view);
    }
    let path = |word: &str| format!("/v1/strategies/quoter/{word}");
    for (token, word, status) in [
        (&rig.viewer, "disable", StatusCode::FORBIDDEN),
        (&rig.trader, "disable", StatusCode::OK),
        (&rig.trader, "enable", StatusCode::ACCEPTED),
        (&rig.trader, "arm", StatusCode::FORBIDDEN),
        (&rig.trader, "rollback", StatusCode::ACCEPTED),
    ] {
        assert_eq!(rig.as_(token, "POST", &path(word), "").await.0, status, "{word}");
    }
    let (hash, reason) = (json!({ "hash": "ab", "reason": "looked at" }).to_string(), r#"{"hash": 5}"#);
    assert_eq!(rig.as_(&rig.admin, "POST", &path("arm"), &hash).await.0, StatusCode::ACCEPTED);
    assert_eq!(rig.as_(&rig.admin, "POST", &path("arm"), reason).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(rig.as_(&rig.admin, "POST", "/v1/strategies/missing/arm", "").await.0, StatusCode::NOT_FOUND);
    let (status, answer) = rig.as_(&rig.admin, "POST", "/v1/strategies/down/enable", "").await;
    assert_eq!((status, &answer["detail"]), (StatusCode::CONFLICT, &json!("down: its file is gone")));
    let name = || "quoter".to_owned();
    assert_eq!(
        *rig.words.lock().unwrap(),
        [
            (name(), StrategyCommand::Disable),
            (name(), StrategyCommand::Enable),
            (name(), StrategyCommand::RollBack { hash: None }),
            (name(), StrategyCommand::Arm { hash: Some("ab".to_owned()), budget: None, run: None }),
            ("down".to_owned(), StrategyCommand::Enable),
        ]
    );
    let audits = rig.parts.db.audits(2).await.unwrap();
    assert_eq!(audits[0].outcome, "down: its file is gone");
    assert_eq!((audits[1].action.as_str(), audits[1].who.as_str()), ("strategies/down/enable", "admin"));
}
