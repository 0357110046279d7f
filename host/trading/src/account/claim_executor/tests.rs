//! Claims against a made-up relayer and the exchange's own.
#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

mod venue;

use super::*;
use control::ControlError;
use control::inbox::Taken;
use model::{Market, MarketIx};
use order::SigningKey;
use polymarket::client::{RelayerKey, Timeouts};
use readmodel::Begin;
use readmodel::views::{ModeView, PnlView, PositionView};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const START_S: u64 = 1_795_424_400;

/// A relayer that answers as the test sets, and the requests it received.
#[derive(Default)]
struct Fake {
    nonce: AtomicU64,
    /// The number of next requests that it answers with an error.
    failing: AtomicU64,
    /// The answer to a submission; `None` drops the connection.
    submit: Mutex<Option<(u16, &'static str)>>,
    transaction: Mutex<(u16, &'static str)>,
    submitted: Mutex<Vec<serde_json::Value>>,
}

impl Fake {
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/relayer", listener.local_addr().unwrap());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                while !whole(&bytes) {
                    let mut more = [0; 4096];
                    let length = socket.read(&mut more).await.unwrap();
                    bytes.extend_from_slice(&more[..length]);
                }
                let Some((status, body)) = this.respond(&String::from_utf8(bytes).unwrap()) else { continue };
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        address
    }

    fn respond(&self, request: &str) -> Option<(u16, String)> {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("relayer_api_key: k"), "{head}");
        if head.starts_with("POST /relayer/submit ") {
            self.submitted.lock().unwrap().push(serde_json::from_str(body).unwrap());
            return self.submit.lock().unwrap().map(|(status, body)| (status, body.to_owned()));
        }
        if head.starts_with("GET /relayer/v1/account/transactions/params?address=0x") {
            if self.failing.load(Ordering::Relaxed) > 0 {
                return match self.failing.fetch_sub(1, Ordering::Relaxed) % 2 {
                    0 => Some((503, String::new())),
                    _ => None,
                };
            }
            return Some((200, format!(r#"{{"nonce":"{}"}}"#, self.nonce.load(Ordering::Relaxed))));
        }
        let (status, body) = *self.transaction.lock().unwrap();
        Some((status, body.to_owned()))
    }
}

/// Returns true if a request is complete, including its body.
fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

struct Rig {
    executor: Executor,
    fake: Arc<Fake>,
    now_s: Arc<AtomicU64>,
    folder: std::path::PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn market() -> Market {
    Market { condition: ConditionId([7; 32]), slug: "rain".into(), ..testkit::market(1) }
}

async fn rig(name: &str) -> Rig {
    let folder = std::env::temp_dir().join(format!("polytrader-claims-{name}-{}", std::process::id()));
    let _gone = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let fake = Arc::new(Fake { submit: Mutex::new(Some((200, SENT))), ..Fake::default() });
    let owner = SigningKey::parse(KEY).unwrap().address();
    let key = RelayerKey::relayer("k", owner).unwrap();
    let now_s = Arc::new(AtomicU64::new(START_S));
    let clock = Arc::clone(&now_s);
    let sign = |batch: Batch| -> Signing {
        Box::pin(async move { Ok(batch.sign(Chain::Polygon, &SigningKey::parse(KEY).unwrap())) })
    };
    let picture = ReadModel::new(&Begin { mode: ModeView::Demo, session: 1, at: Time(1) });
    picture.market(&market());
    let executor = Executor {
        relayer: Relayer::new(&fake.start().await, Timeouts::default(), key).unwrap(),
        sign: Arc::new(sign),
        refresh: Arc::new(|_| ()),
        db: Db::open(&format!("sqlite:{}", folder.join("test.sqlite").display())).await.unwrap(),
        account: "0xwallet".to_owned(),
        owner,
        wallet: Address([9; 20]),
        chain: Chain::Polygon,
        inbox: Inbox::default(),
        listing: MarketRegistry::new(&[market()]),
        picture,
        automatic: false,
        now: Arc::new(move || Time::from_millis(clock.load(Ordering::Relaxed) * 1_000)),
    };
    Rig { executor, fake, now_s, folder }
}

const SENT: &str = r#"{"transactionID":"t1","transactionHash":null,"state":"STATE_NEW"}"#;
const MINED: &str = r#"{"transaction_id":"t1","transaction_hash":"0xAA","state":"STATE_MINED"}"#;
const CONFIRMED: &str = r#"{"transaction_id":"t1","transaction_hash":"0xAA","state":"STATE_CONFIRMED"}"#;
const FAILED: &str = r#"{"transaction_id":"t1","state":"STATE_FAILED","error_msg":"reverted"}"#;

impl Rig {
    fn wanted(claim: Claim) -> ClaimRequest {
        let (market, condition, neg_risk) = ("rain".to_owned(), ConditionId([7; 32]), false);
        let (size, worth, who) = (Size::shares(30), Usd::dollars(30), "ann".to_owned());
        ClaimRequest { market, condition, neg_risk, claim, size, worth, who }
    }

    /// Takes a step with this request, and returns the newest row's state and reason.
    async fn step(&self, wanted: Option<Claim>) -> (&'static str, String) {
        let mut waiting: VecDeque<ClaimRequest> = wanted.map(Self::wanted).into_iter().collect();
        self.executor.step(&mut waiting, false).await.unwrap();
        let row = self.executor.db.claims("0xwallet", 1).await.unwrap().rows.remove(0);
        (row.state.as_str(), row.reason)
    }

    async fn state(&self, wanted: Option<Claim>) -> &'static str {
        self.step(wanted).await.0
    }

    /// Changes rows as another host may have written them.
    async fn write(&self, sql: &'static str) {
        let file = format!("sqlite:{}", self.folder.join("test.sqlite").display());
        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect(&file).await.unwrap();
        sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&pool).await.unwrap();
        sqlx::query(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// Shows shares that can be redeemed.
    fn pays(&self) {
        let position = PositionView {
            token: market().tokens[0].to_string(),
            market: "rain".into(),
            question: "?".into(),
            outcome: "Yes".into(),
            size_micros: 1_000_000,
            cost_micro_usd: 0,
            bid_micro_usd: None,
            pays_micro_usd: Some(1_000_000),
            value_micro_usd: 1_000_000,
            realised_micro_usd: 0,
            unrealised_micro_usd: 1_000_000,
            owners: Vec::new(),
        };
        self.executor.picture.account(PnlView::default(), 0, vec![position]);
    }

    fn later(&self, seconds: u64) {
        self.now_s.fetch_add(seconds, Ordering::Relaxed);
    }

    fn activities(&self) -> Vec<Activity> {
        let mut taken = Taken::default();
        self.executor.inbox.next_round(&mut taken, 10, Duration::ZERO);
        let bodies = taken.arrivals.into_iter().map(|arrival| arrival.body);
        bodies
            .map(|body| if let InputKind::Activity(activity) = body { activity } else { panic!("{body:?}") })
            .collect()
    }

    fn set_response(&self, status: u16, body: &'static str) {
        *self.fake.transaction.lock().unwrap() = (status, body);
    }

    fn nonces(&self) -> Vec<String> {
        let submitted = self.fake.submitted.lock().unwrap();
        submitted.iter().map(|body| body["nonce"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_claim_is_submitted_once_and_its_transaction_is_reported_to_the_engine_once() {
    let rig = rig("once").await;
    assert_eq!(rig.state(Some(Claim::Merge(Size::shares(30)))).await, "sent");
    let sent = rig.fake.submitted.lock().unwrap()[0].clone();
    assert_eq!(sent["depositWalletParams"]["deadline"], (START_S + GOOD_FOR_S).to_string());
    let data = sent["depositWalletParams"]["calls"][0]["data"].as_str().unwrap();
    assert!(data.starts_with("0x9e7212ad"), "{data}");
    assert_eq!(rig.activities(), []);
    for (body, state) in [(SENT, "sent"), (MINED, "sent"), (MINED, "sent"), (CONFIRMED, "confirmed")] {
        rig.set_response(200, body);
        assert_eq!(rig.state(None).await, state);
    }
    let [found] = &rig.activities()[..] else { panic!("expected one activity") };
    let merged = TransferKind::Merge { market: MarketIx(0), size: Size::shares(30) };
    assert_eq!((found.kind, &*found.reference), (ActivityKind::Transfer(merged), "0xAA"));
    // The data API will report the same activity under the same key.
    assert_eq!(found.key, activity::key("0xaa", Recorded::Merge, Some(&ConditionId([7; 32]))));
    assert_eq!((rig.state(None).await, rig.nonces()), ("confirmed", vec!["0".to_owned()]));
}

#[tokio::test]
async fn a_batch_of_unknown_outcome_is_not_sent_again() {
    let rig = rig("unknown").await;
    *rig.fake.submit.lock().unwrap() = None;
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "unknown");
    // Any other request waits for it.
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "unknown");
    rig.later(GOOD_FOR_S + GRACE_S);
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "unknown");
    assert_eq!(rig.nonces(), ["0"]);
    rig.fake.nonce.store(1, Ordering::Relaxed);
    assert_eq!(rig.state(None).await, "used");
    *rig.fake.submit.lock().unwrap() = Some((200, SENT));
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "sent");
    assert_eq!(rig.nonces(), ["0", "1"]);
}

#[tokio::test]
async fn after_its_deadline_a_batch_whose_number_is_unused_is_over() {
    let rig = rig("deadline").await;
    *rig.fake.submit.lock().unwrap() = Some((503, "{}"));
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "unknown");
    rig.later(GOOD_FOR_S + GRACE_S + 1);
    let (state, reason) = rig.step(None).await;
    assert_eq!((state, &*reason), ("failed", "its deadline has passed and its nonce was not used"));
    // One that the relayer has and never sends expires too.
    *rig.fake.submit.lock().unwrap() = Some((200, SENT));
    rig.set_response(200, SENT);
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "sent");
    assert_eq!(rig.state(None).await, "sent");
    rig.later(GOOD_FOR_S + GRACE_S + 1);
    assert_eq!(rig.state(None).await, "failed");
    assert_eq!(rig.nonces(), ["0", "0"]);
}

#[tokio::test]
async fn what_a_crash_cut_off_is_looked_for_by_its_number() {
    let rig = rig("crash").await;
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "sent");
    let mut row = rig.executor.db.claims("0xwallet", 1).await.unwrap().rows.remove(0);
    row.state = ClaimState::Signed;
    rig.executor.db.update_claim(&row).await.unwrap();
    let (state, reason) = rig.step(Some(Claim::Redeem)).await;
    assert_eq!((state, &*reason), ("unknown", "the host ended before the relayer answered"));
    rig.fake.nonce.store(1, Ordering::Relaxed);
    assert_eq!((rig.state(None).await, rig.nonces().len()), ("used", 1));
}

#[tokio::test]
async fn a_refusal_or_failure_carries_the_relayers_message() {
    let rig = rig("refused").await;
    *rig.fake.submit.lock().unwrap() = Some((400, r#"{"error":"call blocked"}"#));
    let (state, reason) = rig.step(Some(Claim::Redeem)).await;
    assert_eq!((state, &*reason), ("failed", "the relayer refused the batch: call blocked"));
    *rig.fake.submit.lock().unwrap() = Some((200, SENT));
    rig.later(1);
    assert_eq!(rig.state(Some(Claim::Redeem)).await, "sent");
    rig.set_response(200, FAILED);
    let (state, reason) = rig.step(None).await;
    assert_eq!((state, &*reason), ("failed", "the relayer reports Failed: reverted"));
    assert_eq!(rig.activities(), []);
}

#[tokio::test]
async fn nothing_is_redeemed_unasked_while_a_claim_cannot_be_read() {
    let rig = rig("unreadable").await;
    assert_eq!(rig.state(Some(Claim::Merge(Size::shares(30)))).await, "sent");
    rig.set_response(200, CONFIRMED);
    assert_eq!(rig.state(None).await, "confirmed");
    rig.write("UPDATE claims SET state = 'dreamt'").await;
    rig.pays();
    rig.later(1);
    rig.executor.step(&mut VecDeque::new(), true).await.unwrap();
    assert_eq!(rig.nonces(), ["0"]);
    rig.later(1);
    assert_eq!(rig.state(Some(Claim::Merge(Size::shares(30)))).await, "sent", "an operator may");
    assert_eq!(rig.state(None).await, "confirmed");
    rig.write("UPDATE claims SET state = 'confirmed'").await;
    rig.later(1);
    rig.executor.step(&mut VecDeque::new(), true).await.unwrap();
    assert_eq!(rig.nonces(), ["0", "0", "0"]);
}

#[tokio::test]
async fn a_closed_door_says_why() {
    let door = ClaimRequests::closed("claims.execute is off");
    let refused = ControlError::Refused("claims.execute is off".to_owned());
    assert_eq!(door.submit(Rig::wanted(Claim::Redeem)), Err(refused));
}

#[test]
fn a_batch_that_the_signer_may_not_sign_names_the_limit_to_raise() {
    let none = signer::Value::None;
    let found = |rule| unsigned(&AskError::Refused(Refusal { rule, value: none, limit: none }));
    for rule in [Rule::Batches, Rule::BatchesPerMinute] {
        assert!(found(rule).contains("polytrader keys limits --set batches_per_minute="), "{}", found(rule));
    }
    assert_eq!(
        found(Rule::Locked),
        "the signer does not sign the batch: the signer refused by rule locked: value -, limit -"
    );
}

#[tokio::test]
async fn a_relayer_that_cannot_be_reached_costs_neither_a_claim_nor_a_try() {
    let rig = rig("unreachable").await;
    let mut waiting: VecDeque<ClaimRequest> = [Claim::Redeem, Claim::Redeem].map(Rig::wanted).into();
    rig.fake.failing.store(6, Ordering::Relaxed);
    for _ in 0..6 {
        assert_eq!(rig.executor.step(&mut waiting, false).await.unwrap(), Stepped::Later);
        assert_eq!(waiting.len(), 2, "it is back at the front");
    }
    assert!(rig.executor.db.claims("0xwallet", 5).await.unwrap().rows.is_empty(), "nothing was signed or dropped");
    assert_eq!(rig.executor.step(&mut waiting, false).await.unwrap(), Stepped::Done);
    let rows = rig.executor.db.claims("0xwallet", 5).await.unwrap().rows;
    assert_eq!((rows.len(), rows[0].state, waiting.len()), (1, ClaimState::Sent, 1));
    // An automatic redemption is not kept: it is computed again.
    rig.fake.failing.store(1, Ordering::Relaxed);
    let mut by_host = VecDeque::from([ClaimRequest { who: HOST.to_owned(), ..Rig::wanted(Claim::Redeem) }]);
    *rig.fake.transaction.lock().unwrap() = (200, CONFIRMED);
    assert_eq!(rig.executor.step(&mut by_host, false).await.unwrap(), Stepped::Done, "the first is confirmed");
    assert_eq!(rig.executor.step(&mut by_host, false).await.unwrap(), Stepped::Later);
    assert!(by_host.is_empty());
}
