//! Responses on the socket.

use super::field::{Fields, Reader};
use super::{Message, WireError, kind};
use crate::message::{Response, Status};
use crate::refusal::{Refusal, Rule, Value};
use model::{SessionId, VenueOrderId};
use order::{Account, Chain};

impl Message for Response {
    fn write(&self, id: u32, out: &mut Vec<u8>) {
        match self {
            Self::Welcome { version, account } => {
                out.put_u8(kind::WELCOME).put_u32(id).put_u16(*version);
                out.put(&account.signer.0).put(&account.funder.0);
                out.put_u8(account.signature_type.code()).put_u64(account.chain.id())
            }
            Self::Done => out.put_u8(kind::DONE).put_u32(id),
            Self::OrderSigned { id: order, signature } => {
                out.put_u8(kind::ORDER_SIGNED).put_u32(id).put(&order.0).put(&signature.0)
            }
            Self::AuthSigned { signature } => out.put_u8(kind::AUTH_SIGNED).put_u32(id).put(&signature.0),
            Self::BatchSigned { signature } => out.put_u8(kind::BATCH_SIGNED).put_u32(id).put(&signature.0),
            Self::Status(status) => {
                out.put_u8(kind::STATUS_IS).put_u32(id).put_bool(status.locked).put_u64(status.session.0);
                out.put_u64(status.sequence).put_u64(status.signed).put_u64(status.refused)
            }
            Self::Refused(refusal) => {
                out.put_u8(kind::REFUSED).put_u32(id).put_u8(refusal.rule.code());
                write_value(refusal.value, out);
                write_value(refusal.limit, out);
                out
            }
        };
    }

    fn read(kind: u8, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let response = match kind {
            kind::WELCOME => read_welcome(&mut reader),
            kind::DONE => Some(Self::Done),
            kind::ORDER_SIGNED => reader
                .array()
                .zip(reader.signature())
                .map(|(id, signature)| Self::OrderSigned { id: VenueOrderId(id), signature }),
            kind::AUTH_SIGNED => reader.signature().map(|signature| Self::AuthSigned { signature }),
            kind::BATCH_SIGNED => reader.signature().map(|signature| Self::BatchSigned { signature }),
            kind::STATUS_IS => read_status(&mut reader).map(Self::Status),
            kind::REFUSED => read_refusal(&mut reader).map(Self::Refused),
            _ => return Err(WireError::UnknownKind { kind }),
        };
        response.filter(|_| reader.is_empty()).ok_or(WireError::Malformed { kind })
    }
}

fn read_welcome(reader: &mut Reader<'_>) -> Option<Response> {
    let version = reader.u16()?;
    let account = Account {
        signer: reader.address()?,
        funder: reader.address()?,
        signature_type: reader.signature_type()?,
        chain: Chain::from_id(reader.u64()?)?,
    };
    Some(Response::Welcome { version, account })
}

fn read_status(reader: &mut Reader<'_>) -> Option<Status> {
    Some(Status {
        locked: reader.bool()?,
        session: SessionId(reader.u64()?),
        sequence: reader.u64()?,
        signed: reader.u64()?,
        refused: reader.u64()?,
    })
}

fn read_refusal(reader: &mut Reader<'_>) -> Option<Refusal> {
    Some(Refusal { rule: Rule::from_code(reader.u8()?)?, value: read_value(reader)?, limit: read_value(reader)? })
}

fn write_value(value: Value, out: &mut Vec<u8>) {
    match value {
        Value::None => out.put_u8(0),
        Value::Number(number) => out.put_u8(1).put_u64(number),
        Value::Address(address) => out.put_u8(2).put(&address.0),
    };
}

fn read_value(reader: &mut Reader<'_>) -> Option<Value> {
    match reader.u8()? {
        0 => Some(Value::None),
        1 => reader.u64().map(Value::Number),
        2 => reader.address().map(Value::Address),
        _ => None,
    }
}
