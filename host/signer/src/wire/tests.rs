//! Messages survive a round trip, and any other bytes lead to an error.
#![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

use super::*;
use crate::message::{BatchRequest, OrderRequest, REASON_BYTES, Status};
use crate::refusal::{Refusal, Rule, Value};
use model::{SessionId, Side, Time, TokenId, VenueOrderId};
use order::batch::{CALLS_MAX, DATA_MAX};
use order::{Account, Address, Batch, Call, Chain, Exchange, Signature65, SignatureType, UnsignedOrder};

fn order() -> OrderRequest {
    OrderRequest {
        session: SessionId(0x0102_0304_0506_0708),
        sequence: 2,
        deadline: Time(3),
        exchange: Exchange::NegRisk,
        order: UnsignedOrder {
            salt: 4,
            maker: Address([5; 20]),
            signer: Address([6; 20]),
            token_id: TokenId([7; 32]),
            maker_amount: 8,
            taker_amount: u64::MAX,
            side: Side::Sell,
            signature_type: SignatureType::Safe,
            timestamp_ms: 9,
            metadata: [10; 32],
            builder: [11; 32],
        },
    }
}

fn batch(calls: usize, bytes: usize) -> Request {
    let calls = (1..).take(calls).map(|at| Call { to: Address([at; 20]), data: vec![at; bytes] }).collect();
    let batch = Batch { wallet: Address([9; 20]), nonce: 8, deadline: 7, calls };
    Request::SignBatch(BatchRequest { session: SessionId(6), batch })
}

fn requests() -> Vec<Request> {
    vec![
        Request::Hello { version: 1 },
        Request::Begin { session: SessionId(2) },
        Request::SignOrder(order()),
        Request::SignAuth { timestamp_s: 3, nonce: 4 },
        batch(2, 3),
        batch(0, 0),
        Request::Lock { reason: "enough".into() },
        Request::Unlock,
        Request::Status,
    ]
}

fn responses() -> Vec<Response> {
    let account = Account {
        signer: Address([1; 20]),
        funder: Address([2; 20]),
        signature_type: SignatureType::Proxy,
        chain: Chain::Amoy,
    };
    let status = Status { locked: true, session: SessionId(1), sequence: 2, signed: 3, refused: 4 };
    let address = Value::Address(Address([3; 20]));
    vec![
        Response::Welcome { version: 1, account },
        Response::Done,
        Response::OrderSigned { id: VenueOrderId([1; 32]), signature: Signature65([2; 65]) },
        Response::AuthSigned { signature: Signature65([3; 65]) },
        Response::BatchSigned { signature: Signature65([4; 65]) },
        Response::Status(status),
        Response::Refused(Refusal { rule: Rule::Locked, value: Value::None, limit: Value::None }),
        Response::Refused(Refusal { rule: Rule::OrderValue, value: Value::Number(1), limit: Value::Number(2) }),
        Response::Refused(Refusal { rule: Rule::Maker, value: address, limit: address }),
    ]
}

fn framed(message: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, 0xdead_beef, &mut bytes);
    bytes
}

#[test]
fn every_message_comes_back_as_it_went() {
    for request in requests() {
        assert_eq!(decode_request(&framed(&request)), Ok(Some((0xdead_beef, request))));
    }
    for response in responses() {
        assert_eq!(decode_response(&framed(&response)), Ok(Some((0xdead_beef, response))));
    }
}

#[test]
fn messages_come_out_of_a_stream_cut_anywhere() {
    let stream: Vec<u8> = requests().iter().flat_map(framed).collect();
    for piece in [1, 2, 3, 7, 64, stream.len()] {
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        for bytes in stream.chunks(piece) {
            frames.push(bytes);
            while let Some((_, request)) = frames.next_message::<Request>().unwrap() {
                seen.push(request);
            }
        }
        assert_eq!(seen, requests());
        assert!(frames.bytes.is_empty());
    }
}

#[test]
fn the_first_bytes_of_an_order_are_these() {
    // Any change here requires a new version of the contract.
    let bytes = framed(&Request::SignOrder(order()));
    assert_eq!(bytes[..15], [0, 200, 3, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(bytes.len(), 202);
}

#[test]
fn the_bytes_of_a_batch_are_these() {
    // Any change here requires a new version of the contract.
    let bytes = framed(&batch(1, 2));
    let (wallet, to) = ([9; 20], [1; 20]);
    let head = [&[0, 74, 8, 0xde, 0xad, 0xbe, 0xef][..], &[0, 0, 0, 0, 0, 0, 0, 6]].concat();
    let numbers = [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7];
    assert_eq!(bytes, [&head, &wallet[..], &numbers, &[1], &to, &[0, 2, 1, 1]].concat());
}

#[test]
fn the_largest_batch_fits_a_frame_and_a_larger_one_is_cut() {
    let whole = batch(CALLS_MAX, DATA_MAX);
    let bytes = framed(&whole);
    assert_eq!(bytes.len(), 5_012);
    assert_eq!(decode_request(&bytes), Ok(Some((0xdead_beef, whole))));
    assert_eq!(framed(&batch(CALLS_MAX + 1, DATA_MAX + 1)), bytes);
    // A batch that claims more calls than it has is invalid, however long it is.
    let small = framed(&batch(1, 2));
    for (place, value) in [(7 + 8 + 20 + 16, 17), (7 + 8 + 20 + 17 + 20, 2)] {
        let mut other = small.clone();
        other[place] = value;
        assert_eq!(decode_request(&other), Err(WireError::Malformed { kind: 8 }), "{place}");
    }
}

#[test]
fn a_frame_that_says_too_much_is_refused_before_it_is_read() {
    assert_eq!(decode_request(&[20, 1]), Err(WireError::TooLong { bytes: 5_121 }));
    assert_eq!(decode_request(&[255, 255, 1]), Err(WireError::TooLong { bytes: 65_535 }));
    assert_eq!(decode_request(&[20, 0]), Ok(None));
}

#[test]
fn a_frame_without_a_head_is_refused() {
    for bytes in 0..5u8 {
        let frame = [&[0, bytes][..], &vec![1; bytes.into()]].concat();
        assert_eq!(decode_request(&frame), Err(WireError::TooShort { bytes: bytes.into() }));
    }
}

#[test]
fn fields_that_are_missing_or_left_over_are_refused() {
    for request in requests() {
        let whole = framed(&request);
        let kind = whole[2];
        let mut longer = whole.clone();
        longer.push(0);
        longer[1] += 1;
        assert_eq!(decode_request(&longer), Err(WireError::Malformed { kind }), "{request:?}");
        for length in 7..whole.len() {
            let mut shorter = whole[..length].to_vec();
            shorter[1] = u8::try_from(length - 2).unwrap();
            assert_eq!(decode_request(&shorter), Err(WireError::Malformed { kind }), "{request:?} cut to {length}");
        }
    }
}

#[test]
fn a_signature_type_or_exchange_that_we_do_not_know_is_no_order() {
    let whole = framed(&Request::SignOrder(order()));
    // The offsets of exchange, side and signature type.
    for place in [7 + 24, 7 + 25 + 8 + 20 + 20 + 32 + 16, 7 + 25 + 8 + 20 + 20 + 32 + 16 + 1] {
        let mut other = whole.clone();
        other[place] = 4;
        assert_eq!(decode_request(&other), Err(WireError::Malformed { kind: 3 }), "{place}");
    }
}

#[test]
fn a_long_reason_is_cut_at_a_character() {
    let reason = "é".repeat(REASON_BYTES);
    let Ok(Some((_, Request::Lock { reason }))) = decode_request(&framed(&Request::Lock { reason })) else {
        panic!("not a lock request")
    };
    assert_eq!(reason, "é".repeat(REASON_BYTES / 2));
}

#[test]
fn mutated_frames_are_read_without_a_panic() {
    let mut seed = 42u64;
    let mut random = move || {
        // SplitMix64.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 32).unwrap()
    };
    let whole: Vec<Vec<u8>> = requests().iter().map(framed).chain(responses().iter().map(framed)).collect();
    let (mut read, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let mut bytes = whole[random() % whole.len()].clone();
        for _ in 0..=random() % 3 {
            match random() % 3 {
                0 => bytes.truncate(random() % (bytes.len() + 1)),
                1 => bytes.insert(random() % (bytes.len() + 1), u8::try_from(random() % 256).unwrap()),
                _ if bytes.is_empty() => {}
                _ => {
                    let place = random() % bytes.len();
                    bytes[place] = u8::try_from(random() % 256).unwrap();
                }
            }
        }
        for refuses in [decode_request(&bytes).is_err(), decode_response(&bytes).is_err()] {
            if refuses { refused += 1 } else { read += 1 }
        }
    }
    assert!(read > 1_000 && refused > 1_000, "{read} read, {refused} refused");
}
