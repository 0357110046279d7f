//! Tests of events with several markets that exclude each other.

use crate::client::Rig;
use exchange::Config;
use model::{OrderKind, Side};
use order::{Account, Chain, Exchange};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const REST: OrderKind = OrderKind::Gtc { post_only: false };

/// Returns the event as the catalog lists it.
pub(crate) async fn event(rig: &Rig) -> Value {
    let (status, events) = rig.get("/gamma/events?limit=100").await;
    assert_eq!(status, 200, "{events}");
    let several = |event: &&Value| event["markets"].as_array().unwrap().len() > 1;
    events.as_array().unwrap().iter().find(several).unwrap().clone()
}

pub(crate) fn yes(market: &Value) -> String {
    token(market, 0)
}

pub(crate) fn token(market: &Value, outcome: usize) -> String {
    let tokens: Vec<String> = serde_json::from_str(market["clobTokenIds"].as_str().unwrap()).unwrap();
    tokens[outcome].clone()
}

fn price(market: &Value, outcome: usize) -> f64 {
    let prices: Vec<String> = serde_json::from_str(market["outcomePrices"].as_str().unwrap()).unwrap();
    prices[outcome].parse().unwrap()
}

#[tokio::test]
async fn an_event_is_listed_once_with_all_its_markets_and_prices_that_make_a_dollar() {
    let rig = Rig::new().await;
    let event = event(&rig).await;
    let markets = event["markets"].as_array().unwrap();
    let id = event["negRiskMarketID"].as_str().unwrap();
    assert!(markets.len() >= 3 && event["negRisk"] == true && event["closed"] == false, "{event}");
    assert!(id.starts_with("0x") && id.ends_with("00") && id.len() == 66, "{id}");
    let sum: f64 = markets.iter().map(|market| price(market, 0)).sum();
    assert!((sum - 1.0).abs() < 0.05, "the YES shares are worth {sum}");
    assert_eq!(markets.iter().filter(|market| market["negRiskOther"] == true).count(), 1);
    for (place, market) in markets.iter().enumerate() {
        assert_eq!((&market["negRiskMarketID"], &market["negRisk"]), (&json!(id), &json!(true)));
        assert_eq!(market["questionID"], json!(format!("{}{place:02x}", &id[..64])));
        assert_eq!(market["events"][0]["slug"], event["slug"]);
        let condition = market["conditionId"].as_str().unwrap();
        let (_, clob) = rig.get(&format!("/clob-markets/{condition}")).await;
        assert_eq!(clob["nr"], true);
        let (_, full) = rig.get(&format!("/markets/{condition}")).await;
        assert_eq!((&full["neg_risk"], &full["neg_risk_market_id"]), (&json!(true), &json!(id)));
        for outcome in [0, 1] {
            let token = token(market, outcome);
            assert_eq!(rig.get(&format!("/neg-risk?token_id={token}")).await.1, json!({"neg_risk": true}));
            assert_eq!(rig.get(&format!("/book?token_id={token}")).await.1["neg_risk"], true);
        }
    }
    // By number, by slug, and by one of its markets it is the same one.
    for path in ["id=", "slug=", "condition_ids="] {
        let name = match path {
            "id=" => event["id"].as_str().unwrap(),
            "slug=" => event["slug"].as_str().unwrap(),
            _ => markets[1]["conditionId"].as_str().unwrap(),
        };
        let (_, found) = rig.get(&format!("/gamma/events?{path}{name}")).await;
        assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &event["id"]), "{path}");
    }
    let slug = event["slug"].as_str().unwrap();
    assert_eq!(rig.get(&format!("/gamma/events/slug/{slug}")).await.1["id"], event["id"]);
    // Markets that stand alone have none of these fields.
    let (market, _) = rig.market().await;
    assert_eq!((&market["neg_risk"], &market["neg_risk_market_id"]), (&json!(false), &json!("")));
    let (_, alone) = rig.get(&format!("/clob-markets/{}", market["condition_id"].as_str().unwrap())).await;
    assert_eq!(alone.get("nr"), None);
    let (_, page) = rig.get("/gamma/events/keyset?limit=2").await;
    assert_eq!((page["events"].as_array().unwrap().len(), page["next_cursor"].is_string()), (2, true));
}

#[tokio::test]
async fn an_order_is_signed_for_the_exchange_of_exclusive_markets_and_for_no_other() {
    let rig = Rig::new().await;
    let token = yes(&event(&rig).await["markets"][1]);
    let account = Account::eoa(rig.key.address(), Chain::Polygon);
    let order = |exchange| rig.order_as(&account, exchange, (&token, Side::Buy, "0.02", "10"), REST);
    assert_eq!(rig.post(&order(Exchange::Standard)).await, (400, json!({"error": "invalid signature"})));
    let (status, placed) = rig.post(&order(Exchange::NegRisk)).await;
    assert_eq!((status, &placed["status"]), (200, &json!("live")), "{placed}");
    let bought = rig.order_as(&account, Exchange::NegRisk, (&token, Side::Buy, "0.95", "10"), OrderKind::Fak);
    let (status, placed) = rig.post(&bought).await;
    assert_eq!((status, &placed["status"]), (200, &json!("matched")), "{placed}");
}

#[tokio::test]
async fn one_call_ends_the_whole_event_and_pays_the_winner() {
    let rig = Rig::new().await;
    let listed = event(&rig).await;
    let markets = listed["markets"].as_array().unwrap();
    let account = Account::eoa(rig.key.address(), Chain::Polygon);
    for (place, outcome) in [(0, 0), (1, 0), (1, 1)] {
        let token = token(&markets[place], outcome);
        let order = rig.order_as(&account, Exchange::NegRisk, (&token, Side::Buy, "0.98", "10"), REST);
        assert_eq!(rig.post(&order).await.1["status"], "matched");
    }
    let cash = async || -> i64 {
        let (_, cash) = rig.l2(Method::GET, "/balance-allowance?asset_type=COLLATERAL", "").await;
        cash["balance"].as_str().unwrap().parse().unwrap()
    };
    let resolve = async |condition: &Value, pays: &str| {
        let end = json!({"condition": condition, "pays": pays, "redeem": true});
        rig.request(Method::POST, "/exchange/resolve", &end).await
    };
    let (status, answer) = resolve(&markets[0]["conditionId"], "0.5").await;
    assert!(status == 400 && answer.to_string().contains("exactly one pays YES"), "{answer}");
    let before = cash().await;
    assert_eq!(resolve(&markets[0]["conditionId"], "1").await.0, 200);
    // Ten YES of the winner and ten NO of a loser pay, ten YES of the loser do not.
    assert_eq!(cash().await - before, 20_000_000);
    let (_, closed) = rig.get(&format!("/gamma/events?closed=true&slug={}", listed["slug"].as_str().unwrap())).await;
    let ended = closed[0]["markets"].as_array().unwrap();
    assert_eq!((closed[0]["closed"].as_bool(), ended.len()), (Some(true), markets.len()));
    for (place, market) in ended.iter().enumerate() {
        let won = if place == 0 { (1.0, 0.0) } else { (0.0, 1.0) };
        assert_eq!((price(market, 0), price(market, 1)), won, "{market}");
    }
    assert_eq!(rig.get("/gamma/events?limit=100").await.1.as_array().unwrap().len(), 5, "the other events stay open");
}

#[tokio::test]
async fn the_flow_ends_its_event_by_itself() {
    let rig = Rig::with(Config { event_lasts_s: 1, ..Config::seeded(5) }).await;
    let slug = event(&rig).await["slug"].as_str().unwrap().to_owned();
    for _ in 0..200 {
        let (_, event) = rig.get(&format!("/gamma/events/slug/{slug}")).await;
        if event["closed"] == true {
            let winners = event["markets"].as_array().unwrap().iter().filter(|market| price(market, 0) == 1.0).count();
            assert_eq!(winners, 1, "{event}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the event is still open after ten seconds");
}
