//! The configuration, read again while the host runs.

use super::*;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

fn changed<'a>(all: &'a Value, key: &str) -> &'a Value {
    let found = all.as_array().unwrap().iter().find(|one| one["key"] == key);
    found.unwrap_or_else(|| panic!("{key} is not in {all}"))
}

#[tokio::test]
async fn limits_of_a_changed_file_hold_at_once_and_other_keys_need_a_restart() {
    let rig = Rig::new("reload").await;
    let file = rig.dir.join("polytrader.toml");
    let (status, nothing) = rig.as_(&rig.admin, "POST", "/v1/config/reload", "").await;
    assert_eq!((status, nothing), (StatusCode::OK, json!([])));
    rig.as_(&rig.admin, "PUT", "/v1/config/max_open_positions", r#"{"value": 3}"#).await;
    let text = "max_order_usd = 20\nmax_market_usd = 900\nmax_open_positions = 4\ndaily_loss_limit_usd = 26\n\
                [journal]\nkeep_days = 9\n";
    std::fs::write(&file, text).unwrap();
    assert_eq!(rig.as_(&rig.trader, "POST", "/v1/config/reload", "").await.0, StatusCode::FORBIDDEN);
    let (status, all) = rig.as_(&rig.admin, "POST", "/v1/config/reload", "").await;
    assert_eq!(status, StatusCode::OK, "{all}");
    assert_eq!(all.as_array().unwrap().len(), 5, "{all}");
    assert_eq!(changed(&all, "max_order_usd")["outcome"], "applied");
    assert_eq!(changed(&all, "daily_loss_limit_usd")["outcome"], "applied");
    assert_eq!(changed(&all, "max_open_positions")["outcome"], "set_by_operator");
    assert_eq!(changed(&all, "journal.keep_days")["outcome"], "needs_restart");
    let refused = changed(&all, "max_market_usd");
    assert_eq!(refused["outcome"], "refused");
    assert!(refused["note"].as_str().unwrap().contains("the limit is 400"), "{refused}");
    let (_, config) = rig.as_(&rig.admin, "GET", "/v1/config", "").await;
    assert_eq!((&config["max_order_usd"]["value"], &config["max_order_usd"]["source"]), (&json!("20"), &json!("file")));
    assert_eq!(config["max_open_positions"]["value"], "3");
    // It is not stored as an operator's setting: the next start reads the file.
    assert!(rig.parts.db.settings(&scope()).await.unwrap().iter().all(|row| row.name == "max_open_positions"));
    assert!(rig.parts.db.decisions().flush(SOON).await);
    let (_, audit) = rig.as_(&rig.admin, "GET", "/v1/admin/audit", "").await;
    let row = audit.as_array().unwrap().iter().find(|row| row["action"] == "config/max_order_usd").unwrap();
    assert_eq!((&row["detail"], &row["claimed_user"]), (&json!("100 -> 20"), &json!("configuration reload")));

    std::fs::write(&file, "max_order_usd = \"much\"").unwrap();
    let (status, problem) = rig.as_(&rig.admin, "POST", "/v1/config/reload", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("nothing has changed"), "{problem}");
    assert_eq!(rig.as_(&rig.admin, "GET", "/v1/config", "").await.1["max_order_usd"]["value"], "20");
}
