//! Reallocation of a position to another strategy.

use super::*;
use model::StrategyId;
use testkit::market;

const PATH: &str = "/v1/positions/assign";

#[tokio::test]
async fn a_position_is_assigned_by_a_trader_between_strategies_that_are_known() {
    let rig = Rig::new("assigning").await;
    for (number, name) in [(1, "gone"), (2, "quoter")] {
        let view = readmodel::views::StrategyView { name: name.to_owned(), ..Default::default() };
        rig.parts.picture.strategy(StrategyId(number), view);
    }
    rig.parts.picture.market(&market(1));
    let token = market(1).tokens[0].to_string();
    let whole = json!({ "token": token, "from": "gone", "to": "quoter", "reason": "mine" });
    let with = |key: &str, value: Value| {
        let mut body = whole.clone();
        body[key] = value;
        body.to_string()
    };
    assert_eq!(rig.as_(&rig.viewer, "POST", PATH, &whole.to_string()).await.0, StatusCode::FORBIDDEN);
    for body in
        [whole.to_string(), with("shares", json!("2.5")), with("shares", Value::Null), with("from", json!("by hand"))]
    {
        assert_eq!(rig.as_(&rig.trader, "POST", PATH, &body).await.0, StatusCode::ACCEPTED, "{body}");
    }
    for (body, status, words) in [
        (with("token", json!("5")), StatusCode::NOT_FOUND, "no known market has the token `5`"),
        (with("from", json!("missing")), StatusCode::NOT_FOUND, "there is no strategy `missing`"),
        (with("to", json!("by hand")), StatusCode::NOT_FOUND, "there is no strategy `by hand`"),
        (with("shares", json!("0")), StatusCode::BAD_REQUEST, "`0` is not a number of shares"),
        (with("shares", json!(5)), StatusCode::BAD_REQUEST, "expected a string"),
        (with("size", json!("5")), StatusCode::BAD_REQUEST, "unknown field `size`"),
    ] {
        let (got, answer) = rig.as_(&rig.trader, "POST", PATH, &body).await;
        assert!(got == status && answer["detail"].as_str().unwrap().contains(words), "{got} {answer}");
    }
    let audits = rig.parts.db.audits(8).await.unwrap();
    let details: Vec<&str> = audits.iter().filter(|row| row.outcome == "ok").map(|row| row.detail.as_str()).collect();
    let last = format!("all shares of {token} from by hand to quoter: mine");
    assert_eq!((details.len(), details[0]), (4, last.as_str()));
    assert_eq!(details[2], format!("2.5 shares of {token} from gone to quoter: mine"));
    assert_eq!((audits[0].who.as_str(), audits[0].action.as_str()), ("desk", "positions/assign"));
}
