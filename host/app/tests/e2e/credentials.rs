//! The credentials of the bot that this replaces.

use crate::live::{KEY, keys_with, passphrase};
use crate::process::{Api, Exchange, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A Safe of the key.
const SAFE: &str = "0x8ac5D4Bd2752AFc9F5CA531f19D617647216B893";

fn env_file(dir: &Path) -> std::path::PathBuf {
    let folder = dir.join("backend");
    fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "# the old bot\nPOLYMARKET_API_KEY=key-1\nPOLYMARKET_API_SECRET=hunter2secret\nPOLYMARKET_PRIVATE_KEY={KEY}\n\
         POLYMARKET_FUNDER_ADDRESS={SAFE}\nDATABASE_URL=x\n"
    );
    let file = folder.join(".env");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_four_variables_of_the_runbook_are_imported_and_the_file_deleted_if_wanted() {
    let folder = Folder::new("import-env");
    let exchange = Exchange::start(&folder.0.join("exchange"), 61);
    let secret = passphrase(&folder.0, "correct horse battery");
    let file = env_file(&folder.0);
    let path = file.to_str().unwrap();
    let import = |data: &str, more: &[&str]| {
        let arguments = [&["import", "--env", path, "--exchange", exchange.address.as_str()][..], more].concat();
        keys_with(&arguments, &folder.0.join(data), &secret, "")
    };
    let (good, shown, said) = import("one", &[]);
    assert!(good && shown.contains(SAFE), "{shown}{said}");
    assert!(said.contains("POLYMARKET_API_KEY and POLYMARKET_API_SECRET are not taken over"), "{said}");
    assert!(said.contains("new API credentials are derived") && said.contains("takes the key"), "{said}");
    assert!(said.contains("stays and has the key in the clear: delete it") && file.exists(), "{said}");
    assert!(!said.contains("hunter2secret") && !said.contains(&KEY[2..]), "{said}");
    let written = fs::read_to_string(folder.0.join("one/polytrader.toml")).unwrap();
    assert_eq!(written, format!("[account]\nfunder = \"{SAFE}\"\n"));
    // A second import changes nothing.
    let (good, _, said) = import("one", &["--delete-env"]);
    assert!(!good && said.contains("may be the only copy") && file.exists(), "{said}");
    // A venue that is out of reach, and a configuration of one's own.
    let two = folder.0.join("two");
    fs::create_dir_all(&two).unwrap();
    fs::write(two.join("polytrader.toml"), "[account]\nsignature_type = 2\n").unwrap();
    let gone = ["import", "--env", path, "--exchange", "http://127.0.0.1:9", "--delete-env"];
    let (good, _, said) = keys_with(&gone, &two, &secret, "");
    assert!(good && said.contains("API credentials are not derived now"), "{said}");
    assert!(said.contains("the wallet is not changed: write funder"), "{said}");
    assert!(said.contains("is deleted; copies in backups") && !file.exists(), "{said}");
    let (good, _, said) = import("three", &[]);
    assert!(!good && said.contains("there is no file") && !folder.0.join("three/keystore.json").exists(), "{said}");
    fs::write(&file, "POLYMARKET_API_KEY=a\n").unwrap();
    let (good, _, said) = import("three", &[]);
    assert!(!good && said.contains("has no POLYMARKET_PRIVATE_KEY"), "{said}");
    let (good, _, said) = keys_with(&["limits", "--env", path], &folder.0.join("one"), &secret, "");
    assert!(!good && said.contains("can only be used with `polytrader keys import`"), "{said}");
}

#[test]
fn each_keys_command_prints_one_object_with_json() {
    let folder = Folder::new("keys-json");
    let (data, secret) = (folder.0.join("data"), passphrase(&folder.0, "correct horse battery"));
    let object = |arguments: &[&str], input: &str| -> Value {
        let (good, shown, said) = keys_with(&[arguments, &["--json"]].concat(), &data, &secret, input);
        assert!(good && !shown.contains(&KEY[2..]) && !said.contains(&KEY[2..]), "{arguments:?}: {said}");
        serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {shown}"))
    };
    let imported = object(&["import"], KEY);
    assert_eq!(imported["keystore"], json!(data.join("keystore.json")));
    assert!(imported["env_deleted"].is_null(), "{imported}");
    let shown = object(&["show-address"], "");
    assert_eq!(shown["wallets"], imported["wallets"]);
    let safe = shown["wallets"].as_array().unwrap().iter().find(|wallet| wallet["address"] == SAFE).unwrap();
    assert_eq!(safe["signature_type"], 2);
    assert_eq!(object(&["limits"], "")["order_max_usd"], "1000");
    let changed = object(&["limits", "--set", "order_max_usd=50"], "");
    assert_eq!((&changed["order_max_usd"], &changed["orders_per_minute"]), (&json!("50"), &json!(300)));
    let renewed = object(&["renew"], "");
    assert!(renewed["old"].is_string() && renewed["signed_today_usd"].is_string(), "{renewed}");
    let file = env_file(&folder.0);
    let path = file.to_str().unwrap();
    let more = ["import", "--env", path, "--exchange", "http://127.0.0.1:9", "--delete-env", "--json"];
    let (good, shown, said) = keys_with(&more, &folder.0.join("other"), &secret, "");
    let other: Value = serde_json::from_str(&shown).unwrap();
    assert!(good && other["env_deleted"] == true && !file.exists(), "{shown}{said}");
}

#[test]
fn a_service_starts_live_unattended_with_the_credential_of_its_manager() {
    let Some(strategies) = strategies("an unattended start") else { return };
    let folder = Folder::new("unattended");
    let exchange = Exchange::start(&folder.0.join("exchange"), 62);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(crate::live::keys("import", &data, &secret, KEY).0);
    fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    // As LoadCredential= hands it over.
    let credentials = folder.0.join("credentials");
    fs::create_dir_all(&credentials).unwrap();
    let credential = credentials.join("polytrader-passphrase");
    fs::write(&credential, "correct horse battery\n").unwrap();
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o400)).unwrap();
    let environment = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()), ("POLYMARKET_PRIVATE_KEY", "")];
    let mut run = Run::start_in(&environment, "live", &data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    assert_eq!(api.get("/v1/admin/bot/state")["state"], "STOPPED", "live begins so");
    run.signal(Signal::TERM);
    run.finish();
}
