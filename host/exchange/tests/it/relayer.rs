//! The relayer: batches signed by a deposit wallet's owner are executed on the ledger, and no others.

use crate::client::{Rig, seconds};
use crate::events::event;
use crate::faults::faults;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use exchange::Config;
use hmac::{Hmac, KeyInit, Mac};
use model::{ConditionId, Size, hex};
use order::eip712::{hash_words, keccak, word};
use order::{Address, Call, Chain, Claim, Wallet};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A rig whose account is a deposit wallet, with a relayer key.
struct RelayerRig {
    rig: Rig,
    key: String,
}

fn call(claim: Claim, condition: &Value, neg_risk: bool) -> Call {
    let condition = ConditionId::parse(condition.as_str().unwrap()).unwrap();
    Call::new(Chain::Polygon, claim, &condition, neg_risk).unwrap()
}

/// Builds a conversion of NO shares of the markets whose bits are set.
fn convert(event: &Value, set: u64, size: Size) -> Call {
    let id = ConditionId::parse(event["negRiskMarketID"].as_str().unwrap()).unwrap();
    let mut data = keccak(b"convertPositions(bytes32,uint256,uint256)")[..4].to_vec();
    [id.0, word(set), word(size.0)].iter().for_each(|word| data.extend(word));
    let to = call(Claim::Redeem, &event["markets"][0]["conditionId"], true).to;
    Call { to, data }
}

/// Computes the signed digest from the documented types alone.
fn digest(wallet: Address, nonce: u64, deadline: u64, calls: &[Call]) -> [u8; 32] {
    let call_type = "Call(address target,uint256 value,bytes data)";
    let batch_type = format!("Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls){call_type}");
    let domain_type = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    let domain = [keccak(domain_type.as_bytes()), keccak(b"DepositWallet"), keccak(b"1"), word(137), wallet.word()];
    let calls: Vec<[u8; 32]> = calls
        .iter()
        .map(|call| hash_words(&[keccak(call_type.as_bytes()), call.to.word(), word(0), keccak(&call.data)]))
        .collect();
    let batch = [keccak(batch_type.as_bytes()), wallet.word(), word(nonce), word(deadline), hash_words(&calls)];
    keccak(&[&[0x19, 0x01], hash_words(&domain).as_slice(), &hash_words(&batch)].concat())
}

impl RelayerRig {
    async fn new(mined_ms: u64, confirmed_ms: u64) -> Self {
        let rig = Rig::with(Config { mined_ms, confirmed_ms, ..Config::seeded(5) }).await;
        let (status, made) = rig.l2(Method::POST, "/exchange/relayer-key", "").await;
        assert_eq!((status, &made["address"]), (200, &json!(rig.key.address().checksummed())), "{made}");
        let key = made["apiKey"].as_str().unwrap().to_owned();
        Self { rig, key }
    }

    fn wallet(&self) -> Address {
        Wallet::Deposit.of(self.rig.key.address())
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let url = format!("http://{}/relayer{path}", self.rig.running.addr);
        let request = self.rig.http.request(method, url).header("RELAYER_API_KEY", &self.key);
        let request = request.header("RELAYER_API_KEY_ADDRESS", self.rig.key.address().to_string());
        let response = request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    async fn nonce(&self) -> u64 {
        let path = format!("/v1/account/transactions/params?address={}&type=WALLET", self.rig.key.address());
        let (status, params) = self.send(Method::GET, &path, "").await;
        assert_eq!((status, &params["address"]), (200, &json!(self.rig.key.address().checksummed())), "{params}");
        params["nonce"].as_str().unwrap().parse().unwrap()
    }

    /// Returns a signed batch in the format of a submission.
    fn body(&self, nonce: u64, deadline: u64, calls: &[Call]) -> Value {
        let wallet = self.wallet();
        let signature = self.rig.key.sign_digest(&digest(wallet, nonce, deadline, calls)).to_string();
        let calls: Vec<Value> = calls
            .iter()
            .map(
                |call| json!({"target": call.to.checksummed(), "value": "0", "data": hex::encode_prefixed(&call.data)}),
            )
            .collect();
        json!({
            "type": "WALLET",
            "from": self.rig.key.address().checksummed(),
            "to": "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07",
            "nonce": nonce.to_string(),
            "signature": signature,
            "metadata": "a test",
            "depositWalletParams": {
                "depositWallet": wallet.checksummed(),
                "deadline": deadline.to_string(),
                "calls": calls,
            },
        })
    }

    async fn submit(&self, body: &Value) -> (u16, Value) {
        self.send(Method::POST, "/submit", &body.to_string()).await
    }

    async fn transaction(&self, id: &str) -> Value {
        let (status, reply) = self.send(Method::GET, &format!("/v1/account/transactions/{id}"), "").await;
        assert_eq!((status, reply["transaction_id"].as_str()), (200, Some(id)), "{reply}");
        reply
    }

    /// Submits calls, waits for the end, and returns all reported states, each once.
    async fn done(&self, calls: &[Call]) -> Vec<Value> {
        let (status, taken) = self.submit(&self.body(self.nonce().await, seconds() + 60, calls)).await;
        assert_eq!((status, &taken["state"]), (200, &json!("STATE_NEW")), "{taken}");
        self.watch(taken["transactionID"].as_str().unwrap()).await
    }

    async fn watch(&self, id: &str) -> Vec<Value> {
        let mut updates: Vec<Value> = Vec::new();
        for _ in 0..500 {
            let news = self.transaction(id).await;
            if updates.last() != Some(&news) {
                updates.push(news);
            }
            let state = updates.last().unwrap()["state"].as_str().unwrap();
            if ["STATE_CONFIRMED", "STATE_FAILED", "STATE_INVALID"].contains(&state) {
                return updates;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no end: {updates:?}");
    }

    async fn succeed(&self, calls: &[Call]) -> String {
        let updates = self.done(calls).await;
        let last = updates.last().unwrap();
        assert_eq!((&last["state"], &last["error_msg"]), (&json!("STATE_CONFIRMED"), &Value::Null), "{updates:?}");
        last["transaction_hash"].as_str().unwrap().to_owned()
    }

    async fn balance(&self, query: &str) -> i64 {
        let (_, answer) = self.rig.l2(Method::GET, &format!("/balance-allowance?{query}"), "").await;
        answer["balance"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
    }

    async fn cash(&self) -> i64 {
        self.balance("asset_type=COLLATERAL").await
    }

    async fn shares(&self, token: &str) -> i64 {
        self.balance(&format!("asset_type=CONDITIONAL&token_id={token}")).await
    }

    async fn of_wallet(&self, list: &str) -> Value {
        let (status, rows) = self.rig.get(&format!("/data-api/{list}?user={}", self.wallet())).await;
        assert_eq!(status, 200, "{rows}");
        rows
    }
}

#[tokio::test]
async fn a_split_a_merge_and_a_redemption_go_through_all_states_and_are_seen_everywhere() {
    let desk = RelayerRig::new(300, 600).await;
    let (market, _) = desk.rig.market().await;
    let condition = &market["condition_id"];
    let token = |outcome: usize| market["tokens"][outcome]["token_id"].as_str().unwrap();
    assert_eq!(desk.nonce().await, 0);
    let updates = desk.done(&[call(Claim::Split(Size::shares(10)), condition, false)]).await;
    let states: Vec<&str> = updates.iter().map(|update| update["state"].as_str().unwrap()).collect();
    let all = ["STATE_NEW", "STATE_EXECUTED", "STATE_MINED", "STATE_CONFIRMED"];
    let expected: Vec<&str> = all.into_iter().filter(|state| *state != "STATE_NEW" || states.contains(state)).collect();
    assert_eq!(states, expected);
    for update in &updates {
        assert_eq!(update["transaction_hash"].is_null(), update["state"] == "STATE_NEW", "{update}");
    }
    assert_eq!((desk.cash().await, desk.nonce().await), (9_990_000_000, 1));
    assert_eq!((desk.shares(token(0)).await, desk.shares(token(1)).await), (10_000_000, 10_000_000));
    let positions = desk.of_wallet("positions").await;
    let row = |place: usize| (positions[place]["size"].as_f64(), positions[place]["avgPrice"].as_f64());
    assert_eq!((row(0), row(1)), ((Some(10.0), Some(0.5)), (Some(10.0), Some(0.5))), "{positions}");
    assert_eq!(positions[0]["mergeable"], true);

    let hash = desk.succeed(&[call(Claim::Merge(Size::shares(4)), condition, false)]).await;
    assert_eq!((desk.cash().await, desk.shares(token(1)).await), (9_994_000_000, 6_000_000));
    let activity = desk.of_wallet("activity").await;
    let row = |place: usize| {
        let row = &activity[place];
        (row["type"].as_str().unwrap(), row["size"].as_f64().unwrap(), row["usdcSize"].as_f64().unwrap())
    };
    assert_eq!((row(0), row(1)), (("MERGE", 4.0, 4.0), ("SPLIT", 10.0, 10.0)), "{activity}");
    assert_eq!((&activity[0]["transactionHash"], &activity[0]["conditionId"]), (&json!(hash), condition));
    assert_eq!((&activity[0]["asset"], &activity[0]["outcomeIndex"]), (&json!(""), &json!(999)));
    assert_eq!(activity.as_array().unwrap().len(), 2, "one row each");
    assert_eq!(desk.of_wallet("trades").await, json!([]), "nothing was traded");

    let end = json!({"condition": condition, "pays": "1"});
    assert_eq!(desk.rig.request(Method::POST, "/exchange/resolve", &end).await.0, 200);
    desk.succeed(&[call(Claim::Redeem, condition, false)]).await;
    assert_eq!((desk.cash().await, desk.shares(token(0)).await, desk.shares(token(1)).await), (10_000_000_000, 0, 0));
    let activity = desk.of_wallet("activity").await;
    let paid: Vec<_> = activity.as_array().unwrap().iter().filter(|row| row["type"] == "REDEEM").collect();
    assert_eq!(paid.iter().map(|row| row["usdcSize"].as_f64().unwrap()).sum::<f64>(), 6.0);
    let closed = desk.of_wallet("closed-positions").await;
    let realised: f64 = closed.as_array().unwrap().iter().map(|row| row["realizedPnl"].as_f64().unwrap()).sum();
    assert_eq!(realised, 0.0, "{closed}");
}

#[tokio::test]
async fn no_shares_of_an_event_are_converted() {
    let desk = RelayerRig::new(20, 40).await;
    let event = event(&desk.rig).await;
    let markets = event["markets"].as_array().unwrap();
    let token = |place: usize, outcome| crate::events::token(&markets[place], outcome);
    let split = |place: usize| call(Claim::Split(Size::shares(10)), &markets[place]["conditionId"], true);
    // The adapter of other markets does not know these.
    let wrong = call(Claim::Split(Size::shares(10)), &markets[0]["conditionId"], false);
    let updates = desk.done(&[wrong]).await;
    assert_eq!(updates.last().unwrap()["state"], "STATE_FAILED", "{updates:?}");
    desk.succeed(&[split(0), split(1)]).await;
    desk.succeed(&[convert(&event, 0b11, Size::shares(8))]).await;
    assert_eq!(desk.cash().await, 9_988_000_000, "20 dollars were paid in and 8 paid back");
    assert_eq!((desk.shares(&token(0, 1)).await, desk.shares(&token(1, 1)).await), (2_000_000, 2_000_000));
    for place in 2..markets.len() {
        assert_eq!((desk.shares(&token(place, 0)).await, desk.shares(&token(place, 1)).await), (8_000_000, 0));
    }
    let activity = desk.of_wallet("v2/activity").await;
    let last = &activity["data"][0];
    assert_eq!((&last["type"], last["usdc_size"].as_f64()), (&json!("CONVERSION"), Some(8.0)), "{last}");
    let sizes = desk.of_wallet("positions").await;
    assert_eq!(sizes.as_array().unwrap().len(), 4 + markets.len() - 2, "{sizes}");
}

#[tokio::test]
async fn what_the_chain_would_not_do_fails_and_changes_nothing() {
    let desk = RelayerRig::new(20, 40).await;
    let (market, _) = desk.rig.market().await;
    let condition = &market["condition_id"];
    let split = |shares| call(Claim::Split(Size::shares(shares)), condition, false);
    let unknown = json!(format!("0x{}", "5".repeat(64)));
    let mut damaged = split(5);
    damaged.data.truncate(100);
    let cases = [
        (call(Claim::Merge(Size::shares(6)), condition, false), "transfer amount exceeds balance"),
        (split(20_000), "transfer amount exceeds balance"),
        (call(Claim::Redeem, condition, false), "result for condition not received yet"),
        (call(Claim::Split(Size::shares(1)), &unknown, false), "no such market"),
        (damaged, "arguments that it does not take"),
    ];
    for (bad, words) in cases {
        // A valid call before it is reverted with it.
        let updates = desk.done(&[split(5), bad]).await;
        let last = updates.last().unwrap();
        assert_eq!(last["state"], "STATE_FAILED", "{words}: {updates:?}");
        assert!(last["error_msg"].as_str().unwrap().contains(words), "{last} does not contain `{words}`");
        assert_eq!((desk.cash().await, desk.nonce().await), (10_000_000_000, 0));
    }
    faults(&desk.rig, json!({"fail_relayed": 1})).await;
    assert_eq!(desk.done(&[split(5)]).await.last().unwrap()["state"], "STATE_FAILED");
    assert_eq!(desk.of_wallet("activity").await, json!([]));

    // Two with one nonce: the first is executed, the other is then invalid.
    let desk = RelayerRig::new(200, 400).await;
    let bodies = [split(5), split(6)].map(|call| desk.body(0, seconds() + 60, &[call]));
    let mut ids = Vec::new();
    for body in &bodies {
        let (status, taken) = desk.submit(body).await;
        assert_eq!(status, 200, "{taken}");
        ids.push(taken["transactionID"].as_str().unwrap().to_owned());
    }
    assert_eq!(desk.watch(&ids[0]).await.last().unwrap()["state"], "STATE_CONFIRMED");
    let lost = desk.watch(&ids[1]).await;
    assert!(lost.last().unwrap()["error_msg"].as_str().unwrap().contains("invalid nonce: 0, expected 1"), "{lost:?}");
    assert_eq!(desk.cash().await, 9_995_000_000);
}

#[tokio::test]
async fn what_is_wrong_with_a_batch_is_refused_at_once() {
    let desk = RelayerRig::new(20, 40).await;
    let (market, _) = desk.rig.market().await;
    let split = call(Claim::Split(Size::shares(5)), &market["condition_id"], false);
    let (soon, calls) = (seconds() + 60, std::slice::from_ref(&split));
    let with = |path: &str, value: Value| {
        let mut body = desk.body(0, soon, calls);
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let other = Address([3; 20]);
    let foreign = Call { to: other, ..split.clone() };
    let mut selector = split.clone();
    selector.data[0] ^= 1;
    let many = vec![split.clone(); 51];
    let cases = [
        (desk.body(1, soon, calls), "invalid nonce: 1, expected 0"),
        (desk.body(0, seconds() - 5, calls), "has passed"),
        (with("/depositWalletParams/deadline", json!((soon + 1).to_string())), "invalid signature"),
        (with("/depositWalletParams/calls/0/data", json!("0x72ce4275")), "invalid signature"),
        (with("/depositWalletParams/calls/0/data", json!("0x123")), "invalid data"),
        (with("/depositWalletParams/calls/0/value", json!("1")), "invalid value"),
        (with("/depositWalletParams/depositWallet", json!(other.checksummed())), "is not a deposit wallet of"),
        (with("/depositWalletParams/calls", json!([])), "0 calls"),
        (desk.body(0, soon, &many), "51 calls"),
        (with("/signature", json!("0x12")), "invalid signature"),
        (with("/type", json!("SAFE")), "the type `SAFE` is not relayed here"),
        (with("/to", json!(other.checksummed())), "invalid to"),
        (with("/nonce", json!("x")), "invalid nonce"),
        (desk.body(0, soon, &[foreign]), "call blocked"),
        (desk.body(0, soon, &[selector]), "call blocked"),
        (json!({"type": "WALLET"}), "invalid payload"),
    ];
    for (body, words) in cases {
        let (status, answer) = desk.submit(&body).await;
        assert_eq!(status, 400, "{words}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer} does not contain `{words}`");
    }
    assert_eq!(desk.cash().await, 10_000_000_000);
    assert_eq!(desk.send(Method::GET, "/v1/account/transactions/none", "").await.0, 404);
}

#[tokio::test]
async fn a_request_without_a_relayer_or_builder_key_is_refused() {
    let desk = RelayerRig::new(20, 40).await;
    let (market, _) = desk.rig.market().await;
    let split = call(Claim::Split(Size::shares(5)), &market["condition_id"], false);
    let body = desk.body(0, seconds() + 60, &[split]).to_string();
    let url = format!("http://{}/relayer/submit", desk.rig.running.addr);
    let post = async |headers: &[(&str, String)]| {
        let request =
            headers.iter().fold(desk.rig.http.post(&url), |request, (name, value)| request.header(*name, value));
        request.body(body.clone()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(&[]).await, 401);
    let owner = desk.rig.key.address().to_string();
    let named = |key: &str, address: &str| {
        [("RELAYER_API_KEY", key.to_owned()), ("RELAYER_API_KEY_ADDRESS", address.to_owned())]
    };
    assert_eq!(post(&named("nonsense", &owner)).await, 401);
    assert_eq!(post(&named(&desk.key, &Address([1; 20]).to_string())).await, 401);
    let (_, builder) = desk.rig.l2(Method::POST, "/auth/builder-api-key", "").await;
    let signed = |secret: &str, path: &str| {
        let timestamp = seconds().to_string();
        let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(&URL_SAFE.decode(secret).unwrap()).unwrap();
        hmac.update(format!("{timestamp}POST{path}{body}").as_bytes());
        [
            ("POLY_BUILDER_API_KEY", builder["key"].as_str().unwrap().to_owned()),
            ("POLY_BUILDER_PASSPHRASE", builder["passphrase"].as_str().unwrap().to_owned()),
            ("POLY_BUILDER_SIGNATURE", URL_SAFE.encode(hmac.finalize().into_bytes())),
            ("POLY_BUILDER_TIMESTAMP", timestamp),
        ]
    };
    let secret = builder["secret"].as_str().unwrap();
    assert_eq!(post(&signed(desk.rig.credentials["secret"].as_str().unwrap(), "/submit")).await, 401);
    assert_eq!(post(&signed(secret, "/other")).await, 401);
    assert_eq!(post(&signed(secret, "/submit")).await, 200);
}
