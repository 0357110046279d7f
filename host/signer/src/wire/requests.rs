//! Requests on the socket.

use super::field::{Fields, Reader};
use super::{Message, WireError, kind};
use crate::message::{OrderRequest, REASON_BYTES, Request};
use model::SessionId;
use order::UnsignedOrder;

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
