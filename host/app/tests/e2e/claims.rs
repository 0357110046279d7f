//! Redemption of resolved markets: live mode with a deposit wallet, the signer's process and the exchange's relayer.

use crate::faults::request;
use crate::live::{keys, keys_with, passphrase};
use crate::process::{Api, Exchange, Folder, Run, modules, strategies};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use order::{Chain, Domains, SigningKey, Wallet};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SOON: Duration = Duration::from_secs(60);

/// A live account with a deposit wallet, and the exchange it trades on.
struct ClaimRig {
    exchange: Exchange,
    strategies: PathBuf,
    secret: PathBuf,
    relayer: [(&'static str, String); 2],
    key: SigningKey,
    folder: Folder,
}

impl ClaimRig {
    /// Each test has its own account: only one run at a time may trade on it.
    fn new(name: &str, seed: u8) -> Option<Self> {
        let strategies = strategies(name)?;
        let key = SigningKey::from_bytes(&[seed; 32]).unwrap();
        let folder = Folder::new(name);
        let exchange = Exchange::start(&folder.0.join("exchange"), seed.into());
        let data = folder.0.join("host");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
        let secret = passphrase(&folder.0, "correct horse battery");
        assert!(keys("import", &data, &secret, &format!("{seed:02x}").repeat(32)).0);
        let relayer = relayer_key(&exchange, &key);
        Some(Self { exchange, strategies, secret, relayer, key, folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.0.join("host")
    }

    /// Lets the signer sign this many batches per minute.
    fn allow(&self, batches: u32) {
        let setting = format!("batches_per_minute={batches}");
        let (good, _, errors) = keys_with(&["limits", "--set", &setting], &self.data(), &self.secret, "");
        assert!(good, "{errors}");
    }

    /// Starts trading.
    fn start(&self, settings: &[&str]) -> (Run, Api) {
        let funder = format!("account.funder={}", Wallet::Deposit.of(self.key.address()).checksummed());
        let mut more = vec!["--exchange", &self.exchange.address, "--passphrase-file", self.secret.to_str().unwrap()];
        settings.iter().chain(&[funder.as_str()]).for_each(|setting| more.extend(["--set", setting]));
        let relayer = self.relayer.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut run = Run::start_in(&relayer, "live", &self.data(), &self.strategies, &more);
        let api = Api::new(&self.data(), &run.addresses());
        api.post("/v1/admin/bot/start");
        api.arm(modules(&self.strategies));
        (run, api)
    }

    /// Waits for a position in a market that is its own event, and resolves the market so that the position pays.
    /// Returns the market's slug.
    fn end_a_market(&self, api: &Api) -> String {
        let rows = request(&self.exchange, Method::GET, "/gamma/events?limit=100", "");
        let events = rows.as_array().unwrap().iter().filter(|event| event["enableNegRisk"] != true);
        let markets: Vec<Value> = events.flat_map(|event| event["markets"].as_array().unwrap().clone()).collect();
        let find = |held: &Value| markets.iter().find(|market| market["slug"] == held["market"]).cloned();
        let of = |held: &Value| held.as_array().unwrap().iter().find_map(|held| Some((find(held)?, held.clone())));
        let held = api.wait_for("/v1/positions", SOON, |held| of(held).is_some());
        let (market, held) = of(&held).unwrap();
        let tokens: Vec<String> = serde_json::from_str(market["clobTokenIds"].as_str().unwrap()).unwrap();
        let pays = if held["token"] == json!(tokens[0]) { "1" } else { "0" };
        let end = json!({"condition": market["conditionId"], "pays": pays}).to_string();
        request(&self.exchange, Method::POST, "/exchange/resolve", &end);
        let slug = market["slug"].as_str().unwrap().to_owned();
        api.wait_for("/v1/positions/claims", SOON, |claims| redemption(claims, &slug).is_some());
        slug
    }

    /// Returns the number of batches in the signer's log.
    fn batches_signed(&self) -> usize {
        let log = format!("signer-{}.log.1", self.key.address().to_string().to_lowercase());
        fs::read_to_string(self.data().join(log)).unwrap().matches(" batch ").count()
    }
}

/// Creates a relayer key at the exchange, which requires an API key's signature.
fn relayer_key(exchange: &Exchange, key: &SigningKey) -> [(&'static str, String); 2] {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let (owner, now) = (key.address(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    let (http, runtime) = (reqwest::Client::new(), tokio::runtime::Builder::new_current_thread());
    let runtime = { runtime }.enable_all().build().unwrap();
    let post = |path: &str, headers: &[(&str, &str)]| -> Value {
        let request = http.post(format!("{}{path}", exchange.address));
        let request = request.header("POLY_ADDRESS", owner.checksummed()).header("POLY_TIMESTAMP", now);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        runtime.block_on(async { request.send().await.unwrap().json().await.unwrap() })
    };
    let signature = key.sign_digest(&Domains::new(Chain::Polygon).auth_digest(owner, now, 0)).to_string();
    let made = post("/auth/api-key", &[("POLY_SIGNATURE", &signature), ("POLY_NONCE", "0")]);
    let [api_key, secret, passphrase] = ["apiKey", "secret", "passphrase"].map(|name| made[name].as_str().unwrap());
    let path = "/exchange/relayer-key";
    let mut hmac = Hmac::<Sha256>::new_from_slice(&URL_SAFE.decode(secret).unwrap()).unwrap();
    hmac.update(format!("{now}POST{path}").as_bytes());
    let signature = URL_SAFE.encode(hmac.finalize().into_bytes());
    let headers = [("POLY_SIGNATURE", &*signature), ("POLY_API_KEY", api_key), ("POLY_PASSPHRASE", passphrase)];
    let relayer = post(path, &headers);
    let id = relayer["apiKey"].as_str().unwrap().to_owned();
    [("POLYTRADER_RELAYER_KEY", id), ("POLYTRADER_RELAYER_KEY_ADDRESS", owner.checksummed())]
}

fn redemption(claims: &Value, market: &str) -> Option<Value> {
    let of = |claim: &&Value| claim["kind"] == "redeem" && claim["market"] == market;
    claims.as_array().unwrap().iter().find(of).cloned()
}

/// Ends a run, whose ledger must match the venue's account.
fn end(run: Run) {
    run.signal(Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
}

#[test]
fn a_market_that_ended_is_redeemed_by_itself_and_booked_once() {
    let Some(desk) = ClaimRig::new("claims-automatic", 31) else { return };
    desk.allow(6);
    let (run, api) = desk.start(&["claims.execute=relayer", "claims.automatic=true"]);
    let slug = desk.end_a_market(&api);
    let runs = "/v1/positions/claims/runs";
    let confirmed = |rows: &Value| rows[0]["state"] == "confirmed";
    let claim_run = api.wait_for(runs, SOON, confirmed)[0].clone();
    assert_eq!(
        (&claim_run["market"], &claim_run["kind"], &claim_run["who"]),
        (&json!(slug), &json!("redeem"), &json!("host"))
    );
    assert!(claim_run["transaction"].as_str().unwrap().starts_with("0x"), "{claim_run}");
    // After the redemption is booked, the shares and the claim are gone.
    let gone = |rows: &Value| !rows.as_array().unwrap().iter().any(|row| row["market"] == json!(slug));
    api.wait_for("/v1/positions", SOON, gone);
    assert!(gone(&api.get("/v1/positions/claims")));
    // The Data API reports the same transaction later; the account is read every five seconds, and a mismatch would
    // show.
    std::thread::sleep(Duration::from_secs(35));
    assert_eq!(api.get("/v1/admin/bot/state")["restriction"], "none");
    assert_eq!(api.get(runs).as_array().unwrap().len(), 1, "the claim was sent more than once");
    assert_eq!(desk.batches_signed(), 1);
    end(run);
}

#[test]
fn nothing_is_signed_where_claims_are_off_or_the_signer_signs_no_batches() {
    let Some(desk) = ClaimRig::new("claims-refused", 32) else { return };
    let (run, api) = desk.start(&[]);
    let first = desk.end_a_market(&api);
    let claim = redemption(&api.get("/v1/positions/claims"), &first).unwrap();
    let off = claim["how"].as_str().unwrap().contains("claims.execute is off");
    assert!(off && claim["executable"] == false, "{claim}");
    let body = json!({"kind": "redeem", "market": first, "reason": "it is over"});
    let (status, why) = api.refused("/v1/positions/claims/execute", &body);
    assert!(status == 409 && why.contains("claims.execute is off"), "{status} {why}");
    assert_eq!(api.get("/v1/positions/claims/runs"), json!([]));
    end(run);
    // The keystore's limits do not allow the signer to sign batches.
    desk.allow(0);
    let (run, api) = desk.start(&["claims.execute=relayer", "claims.automatic=true"]);
    let second = desk.end_a_market(&api);
    let failed = |claims: &Value| redemption(claims, &second).is_some_and(|claim| claim["state"] == "failed");
    let claims = api.wait_for("/v1/positions/claims", SOON, failed);
    let why = redemption(&claims, &second).unwrap()["state_reason"].as_str().unwrap().to_owned();
    assert!(why.contains("polytrader keys limits --set batches_per_minute="), "{why}");
    assert_eq!(desk.batches_signed(), 0);
    end(run);
    // Now the signer may sign, and an operator requests the claim: markets resolved in earlier sessions are still
    // there.
    desk.allow(6);
    let (run, api) = desk.start(&["claims.execute=relayer"]);
    for slug in [first, second] {
        let there = |claims: &Value| redemption(claims, &slug).is_some_and(|claim| claim["executable"] == true);
        api.wait_for("/v1/positions/claims", SOON, there);
        api.post_json("/v1/positions/claims/execute", &json!({"kind": "redeem", "market": slug}));
        let booked = |positions: &Value| !positions.as_array().unwrap().iter().any(|row| row["market"] == json!(slug));
        api.wait_for("/v1/positions", SOON, booked);
    }
    assert_eq!(desk.batches_signed(), 2);
    end(run);
}
