//! Requests on the socket.

use super::field::{Fields, Reader};
use super::{Message, WireError, kind};
use crate::message::{BatchRequest, OrderRequest, REASON_BYTES, Request};
use model::SessionId;
use order::batch::{CALLS_MAX, DATA_MAX};
use order::{Batch, Call, UnsignedOrder};

impl Message for Request {
    fn write(&self, id: u32, out: &mut Vec<u8>) {
        match self {
            Self::Hello { version } => out.put_u8(kind::HELLO).put_u32(id).put_u16(*version),
            Self::Begin { session } => out.put_u8(kind::BEGIN).put_u32(id).put_u64(session.0),
            Self::SignOrder(request) => {
                write_order(request, out.put_u8(kind::SIGN_ORDER).put_u32(id));
                out
            }
            Self::SignAuth { timestamp_s, nonce } => {
                out.put_u8(kind::SIGN_AUTH).put_u32(id).put_u64(*timestamp_s).put_u64(*nonce)
            }
            Self::SignBatch(request) => {
                write_batch(request, out.put_u8(kind::SIGN_BATCH).put_u32(id));
                out
            }
            Self::Lock { reason } => out.put_u8(kind::LOCK).put_u32(id).put_text(reason, REASON_BYTES),
            Self::Unlock => out.put_u8(kind::UNLOCK).put_u32(id),
            Self::Status => out.put_u8(kind::STATUS).put_u32(id),
        };
    }

    fn read(kind: u8, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let request = match kind {
            kind::HELLO => reader.u16().map(|version| Self::Hello { version }),
            kind::BEGIN => reader.u64().map(|session| Self::Begin { session: SessionId(session) }),
            kind::SIGN_ORDER => read_order(&mut reader).map(Self::SignOrder),
            kind::SIGN_AUTH => {
                reader.u64().zip(reader.u64()).map(|(timestamp_s, nonce)| Self::SignAuth { timestamp_s, nonce })
            }
            kind::SIGN_BATCH => read_batch(&mut reader).map(Self::SignBatch),
            kind::LOCK => reader.text(REASON_BYTES).map(|reason| Self::Lock { reason }),
            kind::UNLOCK => Some(Self::Unlock),
            kind::STATUS => Some(Self::Status),
            _ => return Err(WireError::UnknownKind { kind }),
        };
        request.filter(|_| reader.is_empty()).ok_or(WireError::Malformed { kind })
    }
}

fn write_order(request: &OrderRequest, out: &mut Vec<u8>) {
    let OrderRequest { session, sequence, deadline, exchange, order } = request;
    out.put_u64(session.0).put_u64(*sequence).put_u64(deadline.0).put_exchange(*exchange);
    out.put_u64(order.salt).put(&order.maker.0).put(&order.signer.0).put(&order.token_id.0);
    out.put_u64(order.maker_amount).put_u64(order.taker_amount).put_side(order.side);
    out.put_u8(order.signature_type.code()).put_u64(order.timestamp_ms);
    out.put(&order.metadata).put(&order.builder);
}

fn read_order(reader: &mut Reader<'_>) -> Option<OrderRequest> {
    Some(OrderRequest {
        session: SessionId(reader.u64()?),
        sequence: reader.u64()?,
        deadline: reader.time()?,
        exchange: reader.exchange()?,
        order: UnsignedOrder {
            salt: reader.u64()?,
            maker: reader.address()?,
            signer: reader.address()?,
            token_id: reader.token_id()?,
            maker_amount: reader.u64()?,
            taker_amount: reader.u64()?,
            side: reader.side()?,
            signature_type: reader.signature_type()?,
            timestamp_ms: reader.u64()?,
            metadata: reader.array()?,
            builder: reader.array()?,
        },
    })
}

/// Writes a batch. One beyond the bounds, which the client does not send, is cut, so that no frame is too long.
fn write_batch(request: &BatchRequest, out: &mut Vec<u8>) {
    let BatchRequest { session, batch: Batch { wallet, nonce, deadline, calls } } = request;
    out.put_u64(session.0).put(&wallet.0).put_u64(*nonce).put_u64(*deadline);
    let calls = calls.get(..calls.len().min(CALLS_MAX)).unwrap_or_default();
    out.put_u8(u8::try_from(calls.len()).unwrap_or(0));
    for call in calls {
        out.put(&call.to.0).put_bytes(&call.data, DATA_MAX);
    }
}

fn read_batch(reader: &mut Reader<'_>) -> Option<BatchRequest> {
    let (session, wallet) = (SessionId(reader.u64()?), reader.address()?);
    let (nonce, deadline, count) = (reader.u64()?, reader.u64()?, reader.u8()?);
    if usize::from(count) > CALLS_MAX {
        return None;
    }
    let call = |_| Some(Call { to: reader.address()?, data: reader.bytes(DATA_MAX)? });
    let calls = (0..count).map(call).collect::<Option<_>>()?;
    Some(BatchRequest { session, batch: Batch { wallet, nonce, deadline, calls } })
}
