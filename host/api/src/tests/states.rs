//! States in the database's rows, in answers and in the OpenAPI document.

use super::*;
use store::db::{DbWrite, FillRow, OrderRow};

fn order(id: u64, state: &str) -> OrderRow {
    OrderRow {
        session: 7,
        id,
        venue_id: String::new(),
        strategy: "quoter".into(),
        token: "1".into(),
        market: "rain".into(),
        outcome: "Yes".into(),
        side: "SELL".into(),
        kind: "GTD".into(),
        price_micro_usd: 500_000,
        size_micros: 1,
        filled_micros: 0,
        state: state.into(),
        reason: String::new(),
        created_at_ms: 1,
        updated_at_ms: 2,
    }
}

fn fill(id: &str, settlement: &str) -> FillRow {
    FillRow {
        session: 7,
        id: id.into(),
        order_id: 1,
        at_ms: 3,
        strategy: "quoter".into(),
        token: "1".into(),
        market: "rain".into(),
        outcome: "Yes".into(),
        side: "SELL".into(),
        price_micro_usd: 500_000,
        size_micros: 1,
        cost_micro_usd: 1,
        fee_micro_usd: 0,
        maker: 1,
        settlement: settlement.into(),
    }
}

#[tokio::test]
async fn a_row_of_an_unknown_state_costs_itself_alone() {
    let rig = Rig::new("states").await;
    let writer = rig.parts.db.writer();
    for (seq, id, state) in [(1, 1, "pending"), (2, 1, "dreamt"), (3, 1, "filled"), (4, 2, "dreamt")] {
        writer.write(DbWrite::Order { seq, order: order(id, state) });
    }
    for (id, settlement) in [("a", "matched"), ("b", "dreamt"), ("c", "confirmed")] {
        writer.write(DbWrite::Fill(fill(id, settlement)));
    }
    while writer.health().waiting > 0 || writer.health().written < 7 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let get = async |path: &str| rig.as_(&rig.viewer, "GET", path, "").await;
    let settlements = |fills: &Value| -> Vec<(Value, Value)> {
        fills.as_array().unwrap().iter().map(|fill| (fill["id"].clone(), fill["settlement"].clone())).collect()
    };
    let (status, trades) = get("/v1/trading/trades").await;
    let readable = [(json!("c"), json!("confirmed")), (json!("a"), json!("matched"))];
    assert_eq!((status, settlements(&trades)), (StatusCode::OK, readable.to_vec()));
    let (status, history) = get("/v1/trading/orders/1").await;
    assert_eq!((status, settlements(&history["fills"]).len()), (StatusCode::OK, 2));
    let order = &history["order"];
    let shown = ["side", "kind", "state", "is_over"].map(|field| order[field].clone());
    assert_eq!(shown, [json!("SELL"), json!("GTD"), json!("filled"), json!(true)]);
    let states: Vec<&Value> = history["events"].as_array().unwrap().iter().map(|event| &event["state"]).collect();
    assert_eq!(states, ["pending", "filled"]);
    let (status, problem) = get("/v1/trading/orders/2").await;
    let detail = problem["detail"].as_str().unwrap();
    assert_eq!(
        (status, detail),
        (StatusCode::INTERNAL_SERVER_ERROR, "state `dreamt` in a row of the database is unknown")
    );
}

#[test]
fn the_description_has_the_texts_of_states() {
    let described = serde_json::to_value(document()).unwrap();
    let texts = |name: &str| described["components"]["schemas"][name]["enum"].clone();
    let expected = [
        ("BotStateView", json!(["STOPPED", "RUNNING", "PAUSED"])),
        ("RestrictionLevelView", json!(["none", "reduce_only", "cancel_only", "halted"])),
        ("ModeView", json!(["demo", "paper", "live"])),
        ("SideView", json!(["BUY", "SELL"])),
        ("OrderKindView", json!(["GTC", "GTD", "FAK", "FOK"])),
        ("OrderStateView", json!(["pending", "live", "partly_filled", "filled", "cancelled", "refused", "unknown"])),
        ("SettlementView", json!(["matched", "mined", "confirmed", "retrying", "failed"])),
        ("MarketStateView", json!(["open", "blind", "resolved", "paused"])),
        ("ClaimKindView", json!(["merge", "redeem"])),
        ("ClaimStateView", json!(["", "signed", "sent", "unknown", "confirmed", "used", "failed"])),
        ("RecordsStatusView", json!(["ok", "unread", "differs"])),
        ("HealthStatusView", json!(["ok", "degraded"])),
        ("DatabaseView", json!(["sqlite", "postgres"])),
        (
            "StrategyStateView",
            json!([
                "loaded",
                "starting",
                "running",
                "replacing",
                "restarting",
                "unarmed",
                "disabled",
                "failed",
                "quarantined",
                "removed"
            ]),
        ),
        ("ConfigSourceView", json!(["default", "demo profile", "file", "environment", "flag", "operator"])),
        ("RoleView", json!(["viewer", "trader", "admin"])),
    ];
    for (name, expected) in expected {
        assert_eq!(texts(name), expected, "{name}");
    }
    let order = &described["components"]["schemas"]["OrderView"]["properties"];
    let state = order["state"].to_string();
    assert!(state.contains("#/components/schemas/OrderStateView"), "{state}");
}
