//! The client and a signer, over a real socketpair.

use crate::approvals::{Gate, listing, now};
use engine::Purpose;
use model::{ConditionId, OrderId, SessionId, Usd, VenueOrderId};
use order::{Account, Action, Batch, Chain, Claim, SignatureType, SigningKey, Wallet, recover};
use signer::client::{AskError, IN_FLIGHT_MAX};
use signer::message::{Request, Response, VERSION};
use signer::serve::{ServeError, serve};
use signer::wire::{Frames, encode};
use signer::{Client, ConnectError, Limits, Notice, Refusal, Rule, SignError, Signer, Value};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const SESSION: SessionId = SessionId(3);
const LIMITS: Limits = Limits {
    order_max: Usd::dollars(50),
    minute_max: Usd::dollars(1_000),
    day_max: Usd::dollars(10_000),
    orders_per_minute: 1_000,
    batches_per_minute: 0,
};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

fn account() -> Account {
    Account::eoa(key().address(), Chain::Polygon)
}

type Served = JoinHandle<(Result<(), ServeError>, Vec<Notice>)>;

/// Starts a signer on its own thread, and returns the socket to it.
fn serving() -> (UnixStream, Served) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let thread = thread::spawn(move || {
        let mut signer = Signer::new(key(), account(), LIMITS).unwrap();
        let mut notices = Vec::new();
        let end = serve(&mut signer, signer::Clock::start(), &theirs, &mut |notice| notices.push(notice));
        (end, notices)
    });
    (ours, thread)
}

async fn connected() -> (Client, Served) {
    let (socket, served) = serving();
    let client = Client::connect(socket).await.unwrap();
    client.begin(SESSION).await.unwrap();
    (client, served)
}

fn refused(rule: Rule, value: u64, limit: u64) -> AskError {
    AskError::Refused(Refusal { rule, value: Value::Number(value), limit: Value::Number(limit) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_approved_order_is_signed_with_the_id_that_was_known_before() {
    let (client, served) = connected().await;
    assert_eq!(client.account(), &account());
    let mut gate = Gate::new(Purpose::Trade, SESSION);
    let approved = gate.approve(30, 10);
    let placement = *approved.item();
    let signed = client.sign(approved, &listing(), now()).await.unwrap();
    assert_eq!((signed.order.maker_amount, signed.order.taker_amount), (3_000_000, 10_000_000));
    assert_eq!((signed.order.salt, signed.order.timestamp_ms), (placement.salt, placement.timestamp_ms));
    assert_eq!(signed.id, signed.order.order_id(client.domains().of(listing().exchange)));
    assert_eq!(recover(&signed.id.0, &signed.signature), Some(account().signer));
    let status = client.status().await.unwrap();
    assert_eq!((status.session, status.sequence, status.signed), (SESSION, placement.order.id.0, 1));
    drop(client);
    let (end, notices) = served.join().unwrap();
    assert!(end.is_ok());
    assert_eq!(notices, [Notice::Began { session: SESSION }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_approval_of_a_rehearsal_is_never_signed() {
    let (client, _served) = connected().await;
    let approved = Gate::new(Purpose::Simulate, SESSION).approve(30, 10);
    assert_eq!(client.sign(approved, &listing(), now()).await, Err(SignError::Rehearsal));
    assert_eq!(client.status().await.unwrap().sequence, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_approval_of_another_session_is_not_signed() {
    let (client, _served) = connected().await;
    let approved = Gate::new(Purpose::Trade, SessionId(2)).approve(30, 10);
    let expected = SignError::Session { got: SessionId(2), live: SESSION };
    assert_eq!(client.sign(approved, &listing(), now()).await, Err(expected));
    assert_eq!(client.begin(SessionId(2)).await, Err(refused(Rule::Session, 2, 3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_approval_that_is_over_is_not_signed() {
    let (client, _served) = connected().await;
    let approved = Gate::new(Purpose::Trade, SESSION).approve(30, 10);
    let expires = approved.expires();
    let now = expires.plus_micros(1);
    let expected = SignError::Expired { expires: expires.0, now: now.0 };
    assert_eq!(client.sign(approved, &listing(), now).await, Err(expected));
    // The signer checks the expiry itself: the approval has expired when the request is read.
    let approved = Gate::new(Purpose::Trade, SESSION).approve(30, 10);
    let expires = approved.expires();
    let error = client.sign(approved, &listing(), expires).await.unwrap_err();
    assert!(matches!(error, SignError::Ask(AskError::Refused(Refusal { rule: Rule::Expired, .. }))), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn approvals_are_taken_once_and_in_rising_order() {
    let (client, _served) = connected().await;
    let mut gate = Gate::new(Purpose::Trade, SESSION);
    let (first, second) = (gate.approve(30, 10), gate.approve(31, 10));
    client.sign(second, &listing(), now()).await.unwrap();
    let expected = SignError::OutOfOrder { got: OrderId(1), last: OrderId(2) };
    assert_eq!(client.sign(first, &listing(), now()).await, Err(expected));
    // The same numbers again, from an engine that was restarted in the same session.
    let again = Gate::new(Purpose::Trade, SESSION).approve(30, 10);
    assert_eq!(client.sign(again, &listing(), now()).await, Err(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_signers_own_limit_holds_whatever_the_gate_says() {
    let (client, served) = connected().await;
    let approved = Gate::new(Purpose::Trade, SESSION).approve(39, 200);
    let expected = refused(Rule::OrderValue, 78_000_000, 50_000_000);
    assert_eq!(client.sign(approved, &listing(), now()).await, Err(SignError::Ask(expected)));
    drop(client);
    let (_, notices) = served.join().unwrap();
    assert!(matches!(notices.last(), Some(Notice::Refused { .. })), "{notices:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_locked_signer_signs_nothing_until_it_is_unlocked() {
    let (client, served) = connected().await;
    let mut gate = Gate::new(Purpose::Trade, SESSION);
    client.lock("emergency stop").await.unwrap();
    assert!(client.status().await.unwrap().locked);
    let locked = AskError::Refused(Refusal { rule: Rule::Locked, value: Value::None, limit: Value::None });
    assert_eq!(client.sign(gate.approve(30, 10), &listing(), now()).await, Err(SignError::Ask(locked)));
    assert_eq!(client.sign_auth(now().seconds(), 0).await, Err(locked));
    client.unlock().await.unwrap();
    assert!(client.sign(gate.approve(31, 10), &listing(), now()).await.is_ok());
    drop(client);
    let (_, notices) = served.join().unwrap();
    assert!(notices.contains(&Notice::Locked { reason: "emergency stop".into() }), "{notices:?}");
    assert_eq!(notices.last(), Some(&Notice::Unlocked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_login_is_signed_by_the_accounts_key() {
    let (client, _served) = connected().await;
    let at = now().seconds();
    let signature = client.sign_auth(at, 0).await.unwrap();
    let digest = client.domains().auth_digest(account().signer, at, 0);
    assert_eq!(recover(&digest, &signature), Some(account().signer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_orders_at_once_each_get_their_own_signature() {
    let (client, _served) = connected().await;
    let mut gate = Gate::new(Purpose::Trade, SESSION);
    let (client, listing) = (std::sync::Arc::new(client), listing());
    let mut tasks = Vec::new();
    for batch in 0..4 {
        for cents in 1..=16 {
            let approved = gate.approve(cents, 10 + batch);
            let client = std::sync::Arc::clone(&client);
            // Polled here first, so that the numbers are used in order; awaited concurrently.
            let mut signing = Box::pin(async move { client.sign(approved, &listing, now()).await });
            let first = std::future::poll_fn(|context| std::task::Poll::Ready(signing.as_mut().poll(context))).await;
            tasks.push(tokio::spawn(async move {
                match first {
                    std::task::Poll::Ready(done) => done,
                    std::task::Poll::Pending => signing.await,
                }
            }));
        }
    }
    assert_eq!(tasks.len(), IN_FLIGHT_MAX);
    for task in tasks {
        let signed = task.await.unwrap().unwrap();
        assert_eq!(recover(&signed.id.0, &signed.signature), Some(account().signer));
    }
}

/// Returns the other end of a socket that welcomes the client, and then answers as the test specifies.
fn impostor(answer: impl Fn(&Request) -> Option<Response> + Send + 'static) -> UnixStream {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        let (mut frames, mut chunk) = (Frames::default(), [0; 1_024]);
        while let Ok(count @ 1..) = theirs.read(&mut chunk) {
            frames.push(&chunk[..count]);
            while let Ok(Some((id, request))) = frames.next_message::<Request>() {
                let response = match request {
                    Request::Hello { .. } => Some(Response::Welcome { version: VERSION, account: account() }),
                    Request::Begin { .. } => Some(Response::Done),
                    other => answer(&other),
                };
                if let Some(response) = response {
                    let mut bytes = Vec::new();
                    encode(&response, id, &mut bytes);
                    theirs.write_all(&bytes).unwrap();
                }
            }
        }
    });
    ours
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signature_over_something_else_is_thrown_away() {
    let wrong = VenueOrderId([9; 32]);
    let signature = key().sign_digest(&wrong.0);
    let client =
        Client::connect(impostor(move |_| Some(Response::OrderSigned { id: wrong, signature }))).await.unwrap();
    client.begin(SESSION).await.unwrap();
    let error = client.sign(Gate::new(Purpose::Trade, SESSION).approve(30, 10), &listing(), now()).await.unwrap_err();
    assert!(matches!(error, SignError::WrongId { got, .. } if got == wrong), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_to_another_question_is_noticed() {
    let client = Client::connect(impostor(|_| Some(Response::Done))).await.unwrap();
    assert_eq!(client.status().await, Err(AskError::Confused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_silent_signer_is_not_waited_for_and_not_flooded() {
    let patience = Duration::from_millis(100);
    let client = Client::connect_with(impostor(|_| None), patience).await.unwrap();
    assert_eq!(client.status().await, Err(AskError::TimedOut));
    let mut waiting: Vec<_> = (0..IN_FLIGHT_MAX).map(|_| Box::pin(client.status())).collect();
    for question in &mut waiting {
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(question.as_mut().poll(context))).await.is_pending()
        );
    }
    assert_eq!(client.status().await, Err(AskError::Busy));
    // Abandoned requests free their places.
    drop(waiting);
    assert_eq!(client.status().await, Err(AskError::TimedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_end_of_the_signer_is_noticed() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    assert!(matches!(Client::connect(ours).await, Err(ConnectError::Hello(AskError::Gone))));

    let client = Client::connect(impostor(|_| panic!("closes the connection"))).await.unwrap();
    assert_eq!(client.status().await, Err(AskError::Gone));
    client.gone().await;
    assert_eq!(client.unlock().await, Err(AskError::Gone));
}

#[test]
fn garbage_ends_the_service_and_not_the_process() {
    for garbage in [&[0, 5, 99, 0, 0, 0, 0][..], &[255; 64], &[0, 0], &[0, 6, 2, 0, 0, 0, 0, 0]] {
        let (mut socket, served) = serving();
        socket.write_all(garbage).unwrap();
        let (end, _) = served.join().unwrap();
        assert!(matches!(end, Err(ServeError::Wire(_))), "{garbage:?}: {end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_batch_is_signed_over_the_socket_and_what_is_out_of_bounds_is_not_sent() {
    let funder = Wallet::Deposit.of(key().address());
    let account = Account { funder, signature_type: SignatureType::Deposit, ..account() };
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        let limits = Limits { batches_per_minute: 20, ..LIMITS };
        let mut signer = Signer::new(key(), account, limits).unwrap();
        let _end = serve(&mut signer, signer::Clock::start(), &theirs, &mut |_| ());
    });
    let client = Client::connect(ours).await.unwrap();
    let redeem = Action::Claim { claim: Claim::Redeem, condition: ConditionId([1; 32]), neg_risk: false };
    let call = redeem.call(Chain::Polygon).unwrap();
    let batch = |nonce, count| Batch {
        wallet: funder,
        nonce,
        deadline: now().seconds() + 240,
        calls: vec![call.clone(); count],
    };
    assert_eq!(client.sign_batch(&batch(0, 1)).await, Err(refused(Rule::Session, 0, 0)));
    client.begin(SESSION).await.unwrap();
    // All requests have the maximum length and are sent at once: one is in flight at a time.
    let client = Arc::new(client);
    let signing: Vec<_> = (0..10)
        .map(|nonce| {
            let (client, batch) = (Arc::clone(&client), batch(nonce, 16));
            tokio::spawn(async move { (client.sign_batch(&batch).await.unwrap(), batch) })
        })
        .collect();
    for signed in signing {
        let (signature, batch) = signed.await.unwrap();
        assert_eq!(recover(&batch.digest(Chain::Polygon), &signature), Some(key().address()));
    }
    assert_eq!(client.sign_batch(&batch(1, 17)).await, Err(refused(Rule::Calls, 17, 16)));
    assert_eq!(client.sign_batch(&batch(1, 0)).await, Err(refused(Rule::Calls, 0, 16)));
    assert_eq!(client.status().await.unwrap().refused, 1, "an out-of-bounds batch reached the signer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signature_of_another_batch_is_not_taken() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    // A signer that signs something else.
    thread::spawn(move || {
        let mut frames = Frames::default();
        let mut chunk = [0; 6_000];
        while let Ok(count @ 1..) = theirs.read(&mut chunk) {
            frames.push(&chunk[..count]);
            while let Some((id, request)) = frames.next_message::<Request>().unwrap() {
                let response = match request {
                    Request::Hello { .. } => Response::Welcome { version: VERSION, account: account() },
                    Request::SignBatch(_) => Response::BatchSigned { signature: key().sign_digest(&[1; 32]) },
                    _ => Response::Done,
                };
                let mut bytes = Vec::new();
                encode(&response, id, &mut bytes);
                theirs.write_all(&bytes).unwrap();
            }
        }
    });
    let client = Client::connect(ours).await.unwrap();
    client.begin(SESSION).await.unwrap();
    let redeem = Action::Claim { claim: Claim::Redeem, condition: ConditionId([1; 32]), neg_risk: false };
    let calls = vec![redeem.call(Chain::Polygon).unwrap()];
    let batch = Batch { wallet: account().funder, nonce: 0, deadline: 0, calls };
    assert_eq!(client.sign_batch(&batch).await, Err(AskError::Confused));
}
