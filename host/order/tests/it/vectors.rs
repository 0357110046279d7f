//! Checks every order of the vectors (both order versions, all signature types), every login (L1) and every exact
//! amount, to the byte.

use crate::shared::vectors;
use model::{NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, TickSize, TokenId, TokenIx, hex};
use order::amounts::{limit_amounts, market_amounts};
use order::{
    Account, Address, Amounts, Chain, Domain, Domains, Exchange, OrderTerms, SignatureType, SigningKey, UnsignedOrder,
    Wallet,
};
use serde_json::Value;

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {path} in {value}"))
}

fn number(value: &Value, path: &str) -> u64 {
    let found = value.pointer(path).unwrap_or_else(|| panic!("nothing at {path} in {value}"));
    found.as_u64().or_else(|| found.as_str()?.parse().ok()).unwrap_or_else(|| panic!("no number at {path}: {found}"))
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).unwrap()
}

fn bytes32(value: &Value, path: &str) -> [u8; 32] {
    model::VenueOrderId::parse(text(value, path)).unwrap().0
}

fn side(text: &str) -> Side {
    if text == "BUY" { Side::Buy } else { Side::Sell }
}

fn key(all: &Value, name: &str) -> SigningKey {
    SigningKey::parse(text(all, &format!("/keys/{name}/private_key"))).unwrap()
}

fn chain(value: &Value, path: &str) -> Chain {
    Chain::from_id(number(value, path)).unwrap()
}

fn orders(all: &Value) -> &[Value] {
    list(all, "/orders")
}

fn exchange(vector: &Value) -> Exchange {
    let token = TokenId::parse(text(vector, "/order/tokenId")).unwrap();
    let neg_risk = vector.pointer("/input/neg_risk").and_then(Value::as_bool).unwrap();
    Exchange::route(number(vector, "/input/server_version"), &token, neg_risk).unwrap()
}

fn unsigned(vector: &Value) -> UnsignedOrder {
    let order = &vector["order"];
    UnsignedOrder {
        salt: number(order, "/salt"),
        maker: Address::parse(text(order, "/maker")).unwrap(),
        signer: Address::parse(text(order, "/signer")).unwrap(),
        token_id: TokenId::parse(text(order, "/tokenId")).unwrap(),
        maker_amount: number(order, "/makerAmount"),
        taker_amount: number(order, "/takerAmount"),
        side: if number(order, "/side") == 0 { Side::Buy } else { Side::Sell },
        signature_type: SignatureType::from_code(u8::try_from(number(order, "/signatureType")).unwrap()).unwrap(),
        timestamp_ms: number(order, "/timestamp"),
        metadata: bytes32(order, "/metadata"),
        builder: bytes32(order, "/builder"),
    }
}

#[test]
fn every_domain_separator_is_the_venues() {
    let Some(all) = vectors("every_domain_separator_is_the_venues") else { return };
    let domains = list(&all, "/domains");
    for vector in domains {
        let contract = Address::parse(text(vector, "/verifying_contract")).unwrap();
        let domain = Domain::exchange(text(vector, "/version"), chain(vector, "/chain_id"), contract);
        assert_eq!(hex::encode_prefixed(&domain.separator()), text(vector, "/domain_separator"), "{vector}");
    }
    println!("{} domains", domains.len());
    assert_eq!(domains.len(), 10);
}

#[test]
fn every_order_is_signed_to_the_byte() {
    let Some(all) = vectors("every_order_is_signed_to_the_byte") else { return };
    let orders = orders(&all);
    for vector in orders {
        let name = text(vector, "/name");
        let account = chain(vector, "/input/chain_id");
        let contract = exchange(vector).contract(account);
        assert_eq!(contract, Address::parse(text(vector, "/routing/verifying_contract")).unwrap(), "{name}");
        let domains = Domains::new(account);
        let domain = domains.of(exchange(vector));
        assert_eq!(hex::encode_prefixed(&domain.separator()), text(vector, "/domain_separator"), "{name}");

        let order = unsigned(vector);
        let key = key(&all, text(vector, "/input/private_key"));
        assert_eq!(hex::encode_prefixed(&order.struct_hash()), text(vector, "/struct_hash"), "{name}");
        let signed = order.sign(domain, &key);
        assert_eq!(signed.id.to_string(), text(vector, "/order_hash"), "{name}");
        let sent = signed.signature_text();
        assert_eq!(sent, text(vector, "/signature"), "{name}");
        assert_eq!(order.signed_by(domain, &sent), Some(key.address()), "{name}");
    }
    println!("{} orders signed", orders.len());
    assert_eq!(orders.len(), 104);
}

#[test]
fn a_changed_signature_of_any_type_proves_nothing() {
    let Some(all) = vectors("a_changed_signature_of_any_type_proves_nothing") else { return };
    for vector in orders(&all) {
        let (name, order) = (text(vector, "/name"), unsigned(vector));
        let owner = key(&all, text(vector, "/input/private_key")).address();
        let domains = Domains::new(chain(vector, "/input/chain_id"));
        let sent = text(vector, "/signature");
        for place in (2..sent.len()).step_by(7) {
            let other = if &sent[place..=place] == "0" { "1" } else { "0" };
            let changed = [&sent[..place], other, &sent[place + 1..]].concat();
            assert_ne!(order.signed_by(domains.of(exchange(vector)), &changed), Some(owner), "{name} at {place}");
        }
        for wrong in Exchange::ALL.into_iter().filter(|wrong| *wrong != exchange(vector)) {
            assert_ne!(order.signed_by(domains.of(wrong), sent), Some(owner), "{name} for {wrong:?}");
        }
    }
}

#[test]
fn every_login_is_signed_to_the_byte() {
    let Some(all) = vectors("every_login_is_signed_to_the_byte") else { return };
    let logins = list(&all, "/l1_auth");
    for vector in logins {
        let key = key(&all, text(vector, "/private_key"));
        let domains = Domains::new(chain(vector, "/chain_id"));
        let digest = domains.auth_digest(key.address(), number(vector, "/timestamp"), number(vector, "/nonce"));
        assert_eq!(hex::encode_prefixed(&digest), text(vector, "/digest"), "{vector}");
        assert_eq!(key.sign_digest(&digest).to_string(), text(vector, "/headers/POLY_SIGNATURE"), "{vector}");
        assert_eq!(key.address().checksummed(), text(vector, "/headers/POLY_ADDRESS"), "{vector}");
    }
    println!("{} logins", logins.len());
    assert!(!logins.is_empty());
}

#[test]
fn every_amount_is_exact() {
    let Some(all) = vectors("every_amount_is_exact") else { return };
    let amounts = list(&all, "/amounts");
    let (mut limits, mut markets) = (0, 0);
    for vector in amounts {
        let price = Price::parse(text(vector, "/price")).unwrap();
        let tick = TickSize::parse(text(vector, "/tick_size")).unwrap();
        let side = side(text(vector, "/side"));
        let found = if text(vector, "/kind") == "limit" {
            limits += 1;
            limit_amounts(side, price, Size::parse(text(vector, "/size")).unwrap(), tick)
        } else {
            markets += 1;
            market_amounts(side, price, Size::parse(text(vector, "/amount")).unwrap().micros(), tick)
        };
        let exact = Amounts { maker: number(vector, "/exact/maker"), taker: number(vector, "/exact/taker") };
        assert_eq!(found, Ok(exact), "{vector}");
    }
    println!("{limits} limit amounts, {markets} market amounts");
    assert!(limits > 0 && markets > 0);
    assert_eq!(limits + markets, amounts.len());
}

#[test]
fn an_order_built_from_the_request_is_the_clients_order() {
    let Some(all) = vectors("an_order_built_from_what_was_asked_is_the_clients_order") else { return };
    let mut built = 0;
    for vector in orders(&all) {
        let input = &vector["input"];
        // The vectors give market orders in dollars, the host in shares; some orders show bugs or fees of the Python
        // client.
        let plain = vector.get("python_float_quirk").is_none() && input.get("fee_details").is_none();
        if text(vector, "/kind") != "limit" || !plain {
            continue;
        }
        let tick = TickSize::parse(text(input, "/tick_size")).unwrap();
        let asked = (Price::parse(&input["price"].to_string()), Size::parse(&input["size"].to_string()));
        let (Some(price), Some(size)) = asked else { panic!("{input}") };
        let new = NewOrder {
            id: OrderId(1),
            strategy: StrategyId(1),
            tag: 0,
            token: TokenIx(0),
            side: side(text(input, "/side")),
            price,
            size: size.floor_to_cents(),
            kind: OrderKind::Gtc { post_only: false },
        };
        let account = Account {
            signer: key(&all, text(input, "/private_key")).address(),
            funder: Address::parse(text(input, "/funder")).unwrap(),
            signature_type: SignatureType::from_code(u8::try_from(number(input, "/signature_type")).unwrap()).unwrap(),
            chain: chain(input, "/chain_id"),
        };
        let listing = OrderTerms {
            token_id: TokenId::parse(text(input, "/asset_id")).unwrap(),
            tick,
            exchange: exchange(vector),
        };
        let order = UnsignedOrder::build(&new, &account, &listing, number(input, "/salt"), number(input, "/now_ms"));
        let expected = UnsignedOrder { metadata: [0; 32], builder: [0; 32], ..unsigned(vector) };
        assert_eq!(order, Ok(expected), "{}", text(vector, "/name"));
        built += 1;
    }
    println!("{built} orders built");
    assert!(built > 0);
}

#[test]
fn every_wallet_of_a_key_has_the_address_that_the_venue_derives() {
    let Some(all) = vectors("the wallet addresses") else { return };
    let derived = list(&all, "/wallet_derivation");
    assert!(!derived.is_empty());
    for vector in derived {
        let address = |field: &str| Address::parse(text(vector, field)).unwrap();
        let key = address("/eoa");
        for (wallet, field) in [
            (Wallet::Key, "/eoa"),
            (Wallet::Proxy, "/proxy"),
            (Wallet::Safe, "/safe"),
            (Wallet::Deposit, "/deposit_wallet_beacon"),
            (Wallet::EarlyDeposit, "/deposit_wallet_uups_legacy"),
        ] {
            assert_eq!(wallet.of(key), address(field), "{wallet}");
            assert_eq!(Wallet::find(key, address(field)), Some(wallet));
        }
        assert_eq!(Wallet::find(key, Address([7; 20])), None);
    }
}
