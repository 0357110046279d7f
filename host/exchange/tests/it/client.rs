//! A client whose headers and bodies are built here and not shared with other code, so that a test controls every byte.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use exchange::{Config, Running, start};
use hmac::{Hmac, KeyInit, Mac};
use model::{NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, TickSize, TokenId, TokenIx};
use order::{Account, Chain, Domains, Exchange, OrderTerms, SigningKey, UnsignedOrder};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An exchange and an account with a key there.
pub(crate) struct Rig {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    pub(crate) key: SigningKey,
    pub(crate) credentials: Value,
    salt: std::cell::Cell<u64>,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(Config { mined_ms: 50, confirmed_ms: 100, ..Config::seeded(5) }).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let running = start(config).await.unwrap();
        let http = reqwest::Client::new();
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let mut rig = Self { running, http, key, credentials: Value::Null, salt: std::cell::Cell::new(1) };
        let (status, credentials) = rig.l1(Method::POST, "/auth/api-key", 0).await;
        assert_eq!(status, 200, "{credentials}");
        rig.credentials = credentials;
        rig
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.addr)
    }

    pub(crate) async fn l1(&self, method: Method, path: &str, skew: u64) -> (u16, Value) {
        let timestamp = seconds() - skew;
        let digest = Domains::new(Chain::Polygon).auth_digest(self.key.address(), timestamp, 0);
        let signature = self.key.sign_digest(&digest).to_string();
        let request = self.http.request(method, self.url(path));
        let request = request
            .header("POLY_ADDRESS", self.key.address().checksummed())
            .header("POLY_SIGNATURE", signature)
            .header("POLY_TIMESTAMP", timestamp)
            .header("POLY_NONCE", "0");
        send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        send(self.http.get(self.url(path))).await
    }

    /// Sends a request without credentials.
    pub(crate) async fn request(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        send(self.http.request(method, self.url(path)).body(body.to_string())).await
    }

    /// Sends a private request, signed over `signed` while `body` is sent.
    pub(crate) async fn l2_as(&self, method: Method, path: &str, body: &str, signed: &str) -> (u16, Value) {
        let timestamp = seconds().to_string();
        let secret = URL_SAFE.decode(self.credentials["secret"].as_str().unwrap()).unwrap();
        let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
        let bare = path.split('?').next().unwrap();
        hmac.update(format!("{timestamp}{method}{bare}{signed}").as_bytes());
        let request = self
            .http
            .request(method, self.url(path))
            .header("POLY_ADDRESS", self.key.address().to_string())
            .header("POLY_SIGNATURE", URL_SAFE.encode(hmac.finalize().into_bytes()))
            .header("POLY_TIMESTAMP", timestamp)
            .header("POLY_API_KEY", self.credentials["apiKey"].as_str().unwrap())
            .header("POLY_PASSPHRASE", self.credentials["passphrase"].as_str().unwrap())
            .header("content-type", "application/json")
            .body(body.to_owned());
        send(request).await
    }

    pub(crate) async fn l2(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        self.l2_as(method, path, body, body).await
    }

    /// Returns the first market in the format of `/markets`, with the book of its first token.
    pub(crate) async fn market(&self) -> (Value, Value) {
        let (_, page) = self.get("/markets").await;
        let market = page["data"][0].clone();
        let token = market["tokens"][0]["token_id"].as_str().unwrap();
        let (status, book) = self.get(&format!("/book?token_id={token}")).await;
        assert_eq!(status, 200);
        (market, book)
    }

    /// Builds and signs an order of ten shares as a client of the venue does.
    pub(crate) fn order(&self, token: &str, side: Side, price: &str, kind: OrderKind) -> Value {
        self.order_of(token, side, price, "10", kind)
    }

    pub(crate) fn order_of(&self, token: &str, side: Side, price: &str, size: &str, kind: OrderKind) -> Value {
        let account = Account::eoa(self.key.address(), Chain::Polygon);
        self.order_as(&account, Exchange::Standard, (token, side, price, size), kind)
    }

    /// Builds an order as [`Rig::order_of`] does, for a wallet of the key and signed for a contract.
    pub(crate) fn order_as(
        &self,
        account: &Account,
        exchange: Exchange,
        (token, side, price, size): (&str, Side, &str, &str),
        kind: OrderKind,
    ) -> Value {
        self.salt.set(self.salt.get() + 1);
        let new = NewOrder {
            id: OrderId(1),
            strategy: StrategyId(1),
            tag: 0,
            token: TokenIx(0),
            side,
            price: Price::parse(price).unwrap(),
            size: Size::parse(size).unwrap(),
            kind,
        };
        let tick = TickSize::parse("0.001").unwrap();
        let listing = OrderTerms { token_id: TokenId::parse(token).unwrap(), tick, exchange };
        let order = UnsignedOrder::build(&new, account, &listing, self.salt.get(), 1).unwrap();
        let signed = order.sign(Domains::new(Chain::Polygon).of(exchange), &self.key);
        json!({
            "order": {
                "salt": order.salt,
                "maker": order.maker.checksummed(),
                "signer": order.signer.checksummed(),
                "tokenId": token,
                "makerAmount": order.maker_amount.to_string(),
                "takerAmount": order.taker_amount.to_string(),
                "side": if side == Side::Buy { "BUY" } else { "SELL" },
                "expiration": kind.expiration_s().to_string(),
                "signatureType": order.signature_type.code(),
                "timestamp": "1",
                "metadata": format!("0x{}", "0".repeat(64)),
                "builder": format!("0x{}", "0".repeat(64)),
                "signature": signed.signature_text(),
            },
            "owner": self.credentials["apiKey"],
            "orderType": kind.as_str(),
            "deferExec": false,
            "postOnly": kind.is_post_only(),
        })
    }

    /// Places a bid of ten shares far below the first market's price.
    pub(crate) async fn place_far(&self, post_only: bool) -> (u16, Value) {
        let (market, _) = self.market().await;
        let token = market["tokens"][0]["token_id"].as_str().unwrap();
        self.post(&self.order(token, Side::Buy, "0.01", OrderKind::Gtc { post_only })).await
    }

    pub(crate) async fn post(&self, order: &Value) -> (u16, Value) {
        self.l2(Method::POST, "/order", &order.to_string()).await
    }
}

async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
