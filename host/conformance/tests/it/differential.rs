//! Thousands of random orders, built and signed by the official client and by this project, compared byte by byte.

use crate::{Key, Trader, fresh, market, tokens, trader, wallet};
use model::{NewOrder, OrderId, OrderKind, Price, Size, StrategyId, TickSize, TokenId, TokenIx};
use order::{Account, Chain, Domains, Exchange, OrderTerms, SignatureType, SigningKey, UnsignedOrder, Wallet};
use polymarket_client_sdk_v2::clob::types::{self, OrderType};
use polymarket_client_sdk_v2::types::{Address, DateTime, Decimal, U256, Utc};
use serde_json::Value;

const ORDERS: u64 = 1_000;

/// A small deterministic random generator, so that failures are reproducible.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Terms of one order.
struct Asked {
    token: U256,
    side: model::Side,
    price: Price,
    size: Size,
    kind: OrderKind,
}

fn draw(draw: &mut Draw, token: U256) -> Asked {
    let cents = u32::try_from(draw.below(99) + 1).unwrap();
    let until_s = u32::try_from(2_000_000_000 + draw.below(1_000_000)).unwrap();
    Asked {
        token,
        side: if draw.below(2) == 0 { model::Side::Buy } else { model::Side::Sell },
        price: Price::from_micros(cents * 10_000).unwrap(),
        size: Size((draw.below(10_000_000) + 1) * 10_000),
        kind: match draw.below(4) {
            0 => OrderKind::Gtc { post_only: true },
            1 => OrderKind::Gtd { post_only: false, until_s },
            2 => OrderKind::Gtd { post_only: true, until_s },
            _ => OrderKind::Gtc { post_only: false },
        },
    }
}

/// Returns the official client's order, as it posts it.
async fn theirs(client: &Trader, key: &Key, asked: &Asked) -> Value {
    let decimal = |micros: u64| Decimal::new(i64::try_from(micros).unwrap(), 6).normalize();
    let side = if asked.side == model::Side::Buy { types::Side::Buy } else { types::Side::Sell };
    let mut order = client.limit_order().token_id(asked.token).side(side).post_only(asked.kind.is_post_only());
    order = order.price(decimal(asked.price.micros().into())).size(decimal(asked.size.micros()));
    if asked.kind.until().is_some() {
        let at = DateTime::<Utc>::from_timestamp(i64::try_from(asked.kind.expiration_s()).unwrap(), 0).unwrap();
        order = order.order_type(OrderType::GTD).expiration(at);
    }
    let signed = client.sign(key, order.build().await.unwrap()).await.unwrap();
    serde_json::to_value(&signed).unwrap()
}

/// Returns this project's order, with the same salt and time.
fn ours(account: &Account, key: &SigningKey, exchange: Exchange, asked: &Asked, theirs: &Value) -> Value {
    let number = |name: &str| {
        let value = &theirs["order"][name];
        value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("no {name} in {theirs}"))
    };
    let new = NewOrder {
        id: OrderId(1),
        strategy: StrategyId(1),
        tag: 0,
        token: TokenIx(0),
        side: asked.side,
        price: asked.price,
        size: asked.size,
        kind: asked.kind,
    };
    let listing = OrderTerms { token_id: TokenId(asked.token.to_be_bytes()), tick: TickSize::CENT, exchange };
    let order = UnsignedOrder::build(&new, account, &listing, number("salt"), number("timestamp")).unwrap();
    let signed = order.sign(Domains::new(Chain::Polygon).of(exchange), key);
    let body = polymarket::client::order_body(&signed, asked.kind, theirs["owner"].as_str().unwrap()).unwrap();
    serde_json::from_str(&body).unwrap()
}

/// Normalizes an order: addresses without checksum case, and a flag that the client leaves out as false.
fn plain(mut order: Value) -> Value {
    for name in ["maker", "signer"] {
        order["order"][name] = order["order"][name].as_str().unwrap().to_lowercase().into();
    }
    order.as_object_mut().unwrap().entry("deferExec").or_insert(false.into());
    order
}

#[tokio::test]
async fn our_orders_are_the_official_clients_orders() {
    let mut draws = Draw(1);
    for (wallet_kind, exclusive) in [
        (Wallet::Key, false),
        (Wallet::Key, true),
        (Wallet::Proxy, false),
        (Wallet::Safe, true),
        (Wallet::Deposit, false),
        (Wallet::Deposit, true),
    ] {
        let key = fresh();
        let mine = SigningKey::from_bytes(&key.to_bytes().0).unwrap();
        assert_eq!(mine.address().0, key.address().0.0);
        let signature_type = wallet_kind.signature_type();
        let funder = wallet_kind.of(mine.address());
        let account = Account { funder, signature_type, ..Account::eoa(mine.address(), Chain::Polygon) };
        let theirs_funder = Address::from(funder.0);
        let client = match signature_type {
            SignatureType::Eoa => trader(&key).await,
            // The client derives these two addresses itself; the orders are equal only if the addresses are.
            SignatureType::Proxy => wallet(&key, types::SignatureType::Proxy, None).await,
            SignatureType::Safe => wallet(&key, types::SignatureType::GnosisSafe, None).await,
            SignatureType::Deposit => wallet(&key, types::SignatureType::Poly1271, Some(theirs_funder)).await,
        };
        let token = tokens(&market(exclusive).await)[0];
        for _ in 0..ORDERS {
            let asked = draw(&mut draws, token);
            let theirs = theirs(&client, &key, &asked).await;
            let ours = ours(&account, &mine, Exchange::of(exclusive), &asked, &theirs);
            assert_eq!(plain(ours), plain(theirs), "{wallet_kind}");
        }
    }
    println!("{} orders compared", ORDERS * 6);
}
