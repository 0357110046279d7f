//! Order bytes that are sent, as seen by a slow or silent venue.

use model::{MarketIx, NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, TokenId};
use order::{Account, Chain, Domains, Exchange, OrderTerms, SignedOrder, SigningKey, UnsignedOrder};
use polymarket::client::{PlaceError, Terms, Timeouts};
use polymarket::{AccountClient, Client, Credentials};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const KIND: OrderKind = OrderKind::Gtc { post_only: true };
const LONG: Duration = Duration::from_secs(60);

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

fn client(address: &str, place: Duration) -> AccountClient {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let timeouts = Timeouts { connect: LONG, place, ..Timeouts::default() };
    let client = Client::new(address, timeouts).unwrap();
    let credentials = Credentials::new("key", "c2VjcmV0", "phrase").unwrap();
    AccountClient::new(client, credentials, Account::eoa(key().address(), Chain::Polygon))
}

fn order() -> SignedOrder {
    let (price, size) = (Price::from_micros(10_000).unwrap(), Size::shares(10));
    let (id, strategy, token, side) = (OrderId(1), StrategyId(1), MarketIx(0).token(0), Side::Buy);
    let order = NewOrder { id, strategy, tag: 0, token, side, price, size, kind: KIND };
    let exchange = Exchange::of(false);
    let listing = OrderTerms { token_id: TokenId::parse("77").unwrap(), tick: model::TickSize::CENT, exchange };
    let account = Account::eoa(key().address(), Chain::Polygon);
    let built = UnsignedOrder::build(&order, &account, &listing, 1, 1_795_392_000_000).unwrap();
    built.sign(Domains::new(Chain::Polygon).of(exchange), &key())
}

/// Reads one request: its head, and as much of its body as announced.
async fn request(socket: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8(bytes.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return (head.to_owned(), body.to_owned());
            }
        }
        assert!(socket.read_buf(&mut bytes).await.unwrap() > 0, "the request ended within {text:?}");
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

#[tokio::test]
async fn an_order_leaves_whole_with_its_length() {
    let (listener, address) = listener().await;
    let (client, signed) = (client(&address, LONG), order());
    let venue = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (head, body) = request(&mut socket).await;
        let answer = format!(r#"{{"success":true,"errorMsg":"","orderID":"{}","status":"live"}}"#, signed.id);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        socket.write_all(answer.as_bytes()).await.unwrap();
        (head, body)
    };
    let (answer, (head, body)) = tokio::join!(client.post_order(&signed, KIND, Terms::within(LONG)), venue);
    assert_eq!(answer.unwrap().id, signed.id);
    assert!(head.starts_with("POST /order HTTP/1.1") && head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, polymarket::client::order_body(&signed, KIND, "key").unwrap());
}

#[tokio::test]
async fn an_order_that_left_is_unknown_until_the_venue_answers_despite_a_later_hold() {
    let (listener, address) = listener().await;
    let (client, signed) = (client(&address, Duration::from_secs(1)), order());
    let venue = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        client.hold_orders();
        socket
    };
    let (answer, _open) = tokio::join!(client.post_order(&signed, KIND, Terms::within(LONG)), venue);
    assert!(matches!(answer, Err(PlaceError::OutcomeUnknown { .. })), "{answer:?}");
    let refused = client.post_orders(&[(signed, KIND)], Terms::within(LONG)).await;
    assert!(
        matches!(&refused[..], [Err(PlaceError::NotSent { reason })] if reason.contains("held back")),
        "{refused:?}"
    );
}

/// Returns a venue whose accept queue is full, so that a further connection succeeds only after it has accepted some.
/// The operating system retries after one second, and after three.
#[cfg(target_os = "linux")]
async fn full() -> (TcpListener, Vec<TcpStream>, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(open) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(open.unwrap());
    }
    (listener, waiting, format!("http://{address}"))
}

/// Accepts every connection for `most` and returns the number of received bytes.
#[cfg(target_os = "linux")]
async fn received(listener: &TcpListener, most: Duration) -> usize {
    let mut sockets = Vec::new();
    let accept = async {
        while let Ok((socket, _)) = listener.accept().await {
            sockets.push(socket);
        }
    };
    let _over = tokio::time::timeout(most, accept).await;
    let mut bytes = Vec::new();
    for mut socket in sockets {
        let _nothing_more = tokio::time::timeout(Duration::from_millis(20), socket.read_to_end(&mut bytes)).await;
    }
    bytes.len()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_order_does_not_leave_for_a_venue_that_accepts_after_its_approval() {
    let (listener, _waiting, address) = full().await;
    let (client, signed) = (client(&address, LONG), order());
    let place = client.post_order(&signed, KIND, Terms::within(Duration::from_millis(250)));
    let late = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        received(&listener, Duration::from_secs(3)).await
    };
    let (answer, bytes) = tokio::join!(place, late);
    assert!(
        matches!(&answer, Err(PlaceError::NotSent { reason }) if reason.contains("approval expired")),
        "{answer:?}"
    );
    assert_eq!(bytes, 0, "a venue that accepts seconds late received something");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_order_that_waits_for_a_connection_is_answered_and_gone_once_orders_are_held() {
    let (listener, _waiting, address) = full().await;
    let (client, signed) = (client(&address, LONG), order());
    let batch = [(signed, KIND), (signed, KIND)];
    let place = client.post_orders(&batch, Terms::within(LONG));
    let held = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.hold_orders();
    };
    let (answers, ()) =
        tokio::time::timeout(Duration::from_secs(1), async { tokio::join!(place, held) }).await.unwrap();
    let not_sent = |answer: &Result<_, PlaceError>| matches!(answer, Err(PlaceError::NotSent { .. }));
    assert!(answers.len() == 2 && answers.iter().all(not_sent), "{answers:?}");
    assert_eq!(received(&listener, Duration::from_secs(4)).await, 0);
    client.release_orders();
}
