//! The whole path on the local exchange: the relayer executes, the account and the data API show it, the engine books
//! it once.

use super::*;
use crate::account::activity::{Records, Witness};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use control::Latest;
use engine::{Effects, Engine, Purpose};
use exchange::{Config, start};
use model::input::{AccountView, Mode, SessionStart};
use model::{Limits, SessionId};
use order::{Account, Domains, SignatureType, Wallet};
use polymarket::client::DataApi;
use polymarket::{Client, Credentials};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use testkit::input;

fn key() -> SigningKey {
    SigningKey::parse(KEY).unwrap()
}

/// HMAC-SHA256 of a key of at most 64 bytes.
fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([&pad(0x36), message.as_bytes()].concat());
    Sha256::digest([pad(0x5c).as_slice(), &inner].concat()).into()
}

/// Makes an API key for the account in a deposit wallet, and a relayer key.
async fn log_in(address: &str) -> (AccountClient, RelayerKey) {
    // Another test may have been first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let (owner, http, now) = (key().address(), reqwest::Client::new(), clock::now().seconds());
    let signature = key().sign_digest(&Domains::new(Chain::Polygon).auth_digest(owner, now, 0)).to_string();
    let asked = http.post(format!("{address}/auth/api-key")).header("POLY_ADDRESS", owner.checksummed());
    let asked = asked.header("POLY_SIGNATURE", signature).header("POLY_TIMESTAMP", now).header("POLY_NONCE", "0");
    let made: serde_json::Value = serde_json::from_str(&asked.send().await.unwrap().text().await.unwrap()).unwrap();
    let [api_key, secret, passphrase] = ["apiKey", "secret", "passphrase"].map(|name| made[name].as_str().unwrap());
    let path = "/exchange/relayer-key";
    let signed = URL_SAFE.encode(hmac(&URL_SAFE.decode(secret).unwrap(), &format!("{now}POST{path}")));
    let asked = http.post(format!("{address}{path}")).header("POLY_ADDRESS", owner.checksummed());
    let asked = asked.header("POLY_SIGNATURE", signed).header("POLY_TIMESTAMP", now);
    let asked = asked.header("POLY_API_KEY", api_key).header("POLY_PASSPHRASE", passphrase);
    let relayer: serde_json::Value = serde_json::from_str(&asked.send().await.unwrap().text().await.unwrap()).unwrap();
    let relayer = RelayerKey::relayer(relayer["apiKey"].as_str().unwrap(), owner).unwrap();
    let (chain, signature_type) = (Chain::Polygon, SignatureType::Deposit);
    let account = Account { signer: owner, funder: Wallet::Deposit.of(owner), signature_type, chain };
    let client = Client::new(address, Timeouts::default()).unwrap();
    (AccountClient::new(client, Credentials::new(api_key, secret, passphrase).unwrap(), account), relayer)
}

/// Our side: an engine that receives the host's inputs.
struct Books {
    engine: Engine,
    seq: u64,
}

impl Books {
    fn apply(&mut self, body: InputKind) {
        self.seq += 1;
        self.engine.step(&input(self.seq, clock::now(), body), &mut Effects::new());
    }
}

pub(crate) struct Venue {
    rig: Rig,
    client: AccountClient,
    pub(crate) records: Records,
    books: Books,
    market: Market,
}

impl Venue {
    async fn new(address: &str) -> Self {
        let (client, relayer) = log_in(address).await;
        let mut rig = rig("venue").await;
        let markets = client.public().markets(10).await.unwrap();
        let market = markets.into_iter().find(|market| !market.neg_risk).unwrap();
        let executor = &mut rig.executor;
        executor.relayer = Relayer::new(&format!("{address}/relayer"), Timeouts::default(), relayer).unwrap();
        executor.wallet = Wallet::Deposit.of(executor.owner);
        executor.listing = MarketRegistry::new(std::slice::from_ref(&market));
        executor.now = Arc::new(clock::now);
        let records = Records {
            api: DataApi::new(&format!("{address}/data-api"), Timeouts::default()).unwrap(),
            user: executor.wallet,
            inbox: executor.inbox.clone(),
            listing: executor.listing.clone(),
            latest: Latest::default(),
            picture: executor.picture.clone(),
            since: Time(0),
            sent: BTreeSet::new(),
        };
        let mut books = Books { engine: Engine::new(Purpose::Simulate), seq: 0 };
        let (cash, limits, day_start) = (client.cash().await.unwrap(), Limits::DEFAULT, None);
        let (session, mode, salt_seed, halted) = (SessionId(1), Mode::Live, 1, false);
        books.apply(InputKind::Session(SessionStart { session, mode, cash, day_start, limits, salt_seed, halted }));
        books.apply(InputKind::Market(market.clone()));
        Self { rig, client, records, books, market }
    }

    fn wanted(&self, claim: Claim, shares: u64, dollars: i64) -> ClaimRequest {
        let (size, worth) = (Size::shares(shares), Usd::dollars(dollars));
        ClaimRequest { condition: self.market.condition, claim, size, worth, ..Rig::wanted(Claim::Redeem) }
    }

    /// Runs the executor until it is done with the request; returns the result.
    async fn execute(&self, wanted: ClaimRequest) -> String {
        let mut waiting = VecDeque::from([wanted]);
        for _ in 0..500 {
            self.rig.executor.step(&mut waiting, false).await.unwrap();
            let row = self.rig.executor.db.claims("0xwallet", 1).await.unwrap().rows.remove(0);
            if !row.state.is_open() {
                return format!("{} {}", row.state.as_str(), row.reason).trim().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no end")
    }

    /// Sends the engine all activities so far, the data API's twice, and the account before and after.
    async fn feed_engine(&mut self) {
        for _ in 0..2 {
            self.records.read(&mut Default::default(), &mut Witness::default()).await.unwrap();
            self.records.sent.clear();
            for activity in self.rig.activities() {
                self.books.apply(InputKind::Activity(activity));
            }
            let view = self.view().await;
            self.books.apply(InputKind::Account(view));
        }
        let (view, engine) = (self.view().await, &self.books.engine);
        assert_eq!((engine.ledger().cash(), engine.pending_activities().count()), (view.cash, 0));
        let held = |token| view.shares.iter().find(|(held, _)| *held == token).map_or(Size::ZERO, |(_, size)| *size);
        for token in [MarketIx(0).token(0), MarketIx(0).token(1)] {
            assert_eq!(engine.ledger().position(token).size, held(token));
        }
    }

    async fn view(&self) -> AccountView {
        let mut shares = Vec::new();
        for (token, place) in self.market.tokens.iter().zip(0..) {
            shares.push((MarketIx(0).token(place), self.client.shares(token).await.unwrap()));
        }
        shares.retain(|(_, size)| !size.is_zero());
        AccountView { cash: self.client.cash().await.unwrap(), shares }
    }

    /// Splits outside the host, as the wallet's owner may.
    async fn split(&self, shares: u64) {
        let executor = &self.rig.executor;
        let claim = Claim::Split(Size::shares(shares));
        let call = Call::new(Chain::Polygon, claim, &self.market.condition, false).unwrap();
        let nonce = executor.relayer.nonce(executor.owner).await.unwrap();
        let deadline = clock::now().seconds() + 60;
        let batch = Batch { wallet: executor.wallet, nonce, deadline, calls: vec![call] };
        let signature = batch.sign(Chain::Polygon, &key());
        let mut sent = executor.relayer.submit(executor.owner, &batch, &signature, "").await.unwrap();
        while !sent.state.is_final() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent = executor.relayer.transaction(&sent.id).await.unwrap();
        }
        assert_eq!(sent.state, RelayState::Confirmed, "{sent:?}");
    }
}

#[tokio::test]
async fn what_the_relayer_does_is_in_the_account_and_booked_once() {
    let config = Config { mined_ms: 50, confirmed_ms: 100, ..Config::seeded(5) };
    let running = start(config).await.unwrap();
    let address = format!("http://{}", running.addr);
    let mut venue = Venue::new(&address).await;
    let cash = venue.client.cash().await.unwrap();
    venue.split(100).await;
    venue.feed_engine().await;
    assert_eq!(venue.view().await.cash, cash.saturating_sub(Usd::dollars(100)));
    assert_eq!(venue.execute(venue.wanted(Claim::Merge(Size::shares(30)), 30, 30)).await, "confirmed");
    venue.feed_engine().await;
    assert_eq!(venue.view().await.cash, cash.saturating_sub(Usd::dollars(70)));
    // More pairs than there are: the chain refuses it, and nothing is booked.
    let failed = venue.execute(venue.wanted(Claim::Merge(Size::shares(500)), 500, 500)).await;
    assert!(failed.starts_with("failed the relayer reports Failed"), "{failed}");
    let end = format!(r#"{{"condition":"{}","pays":"1"}}"#, venue.market.condition);
    let http = reqwest::Client::new();
    assert!(http.post(format!("{address}/exchange/resolve")).body(end).send().await.unwrap().status().is_success());
    assert_eq!(venue.execute(venue.wanted(Claim::Redeem, 140, 70)).await, "confirmed");
    // The failed merge explains nothing; it waits until the account has agreed for a while. The rest is booked.
    let merge_that_failed = venue.rig.activities().into_iter().find(|reported| reported.kind.as_str() == "merge");
    assert!(merge_that_failed.is_some());
    venue.feed_engine().await;
    assert_eq!(venue.view().await, AccountView { cash, shares: Vec::new() });
}
