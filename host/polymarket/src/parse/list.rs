//! Parses lists element by element: valid elements are used, invalid ones are recorded by name with the reason. One
//! invalid element never discards the list.

use super::{ParseError, cut};
use crate::wire::Text;
use model::VenueOrderId;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Fields that identify an element, the most specific first.
const NAMES: [&str; 13] = [
    "slug",
    "market_slug",
    "conditionId",
    "condition_id",
    "transactionID",
    "transactionId",
    "transaction_id",
    "id",
    "token_id",
    "asset_id",
    "asset",
    "transaction_hash",
    "transactionHash",
];

/// An element that failed to parse and was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its own identifier, or its index in the list.
    pub name: String,
    /// The parse error.
    pub reason: String,
    /// The orders that it is about; `None` if they cannot be parsed either.
    orders: Option<Vec<VenueOrderId>>,
}

impl Refused {
    /// Returns true if it could be about an order.
    pub fn may_be_about(&self, id: VenueOrderId) -> bool {
        self.orders.as_ref().is_none_or(|orders| orders.contains(&id))
    }

    /// Returns the order's id if this is a row of a list of orders and the id is valid.
    pub fn order(&self) -> Option<VenueOrderId> {
        match self.orders.as_deref() {
            Some([order]) => Some(*order),
            _ => None,
        }
    }

    pub(super) fn new(place: usize, raw: &RawValue, error: &ParseError) -> Self {
        let value = serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
        let mut names = NAMES.iter().filter_map(|name| value.get(name).and_then(Value::as_str));
        let name = names.find(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("#{place}"), cut);
        Self { name, reason: cut(&error.explained()), orders: orders(&value) }
    }

    /// Records an entry of a map by its key; such an entry is never about an order.
    pub(super) fn entry(key: &str, error: &ParseError) -> Self {
        Self { name: cut(key), reason: cut(&error.explained()), orders: Some(Vec::new()) }
    }
}

/// Returns the orders that a row of orders or trades names, if each of its ids is valid.
fn orders(row: &Value) -> Option<Vec<VenueOrderId>> {
    let id = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).and_then(VenueOrderId::parse);
    if row.get("taker_order_id").is_none() && row.get("maker_orders").is_none() {
        return id(row, "id").map(|id| vec![id]);
    }
    let makers = row.get("maker_orders")?.as_array()?;
    let taker = std::iter::once(id(row, "taker_order_id"));
    taker.chain(makers.iter().map(|maker| id(maker, "order_id"))).collect()
}

/// A page of any list, with the cursor of the next one if there is one.
#[derive(Debug)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
    /// Elements that failed to parse.
    pub(crate) refused: Vec<Refused>,
}

impl<T> Items<T> {
    /// Parses each element separately; `read` returns `None` for a valid element that is not selected.
    pub(crate) fn read<'a, W: Deserialize<'a>>(
        elements: &[&'a RawValue],
        next: Option<String>,
        mut read: impl FnMut(W) -> Result<Option<T>, ParseError>,
    ) -> Self {
        let (mut items, mut refused) = (Vec::new(), Vec::new());
        for (place, raw) in elements.iter().enumerate() {
            match object(raw).and_then(&mut read) {
                Ok(item) => items.extend(item),
                Err(error) => refused.push(Refused::new(place, raw, &error)),
            }
        }
        Self { items, next, refused }
    }
}

/// Reads a list from a field; `None` if the field is absent.
pub(crate) fn list<'t, W: Deserialize<'t>>(
    name: &'static str,
    text: &'t Text<'_>,
) -> Result<Option<Vec<W>>, ParseError> {
    if text.is_absent() {
        return Ok(None);
    }
    let elements = text.nested().and_then(|json| serde_json::from_str::<Vec<&RawValue>>(json).ok());
    let read = elements.and_then(|elements| {
        elements.into_iter().map(|raw| if is_list(raw) { None } else { serde_json::from_str(raw.get()).ok() }).collect()
    });
    read.map(Some).ok_or_else(|| ParseError::invalid(name, text.as_str().as_bytes()))
}

/// Reads an object.
pub(crate) fn object<'a, W: Deserialize<'a>>(raw: &'a RawValue) -> Result<W, ParseError> {
    if is_list(raw) {
        return Err(ParseError::Syntax { at: 0 });
    }
    Ok(serde_json::from_str(raw.get())?)
}

/// Reads a document that is an object.
pub(crate) fn document<'a, W: Deserialize<'a>>(bytes: &'a [u8]) -> Result<W, ParseError> {
    object(serde_json::from_slice(bytes)?)
}

/// Returns true if a value is a list, which serde would accept as an object's fields in their order.
fn is_list(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id(digit: u8) -> VenueOrderId {
        VenueOrderId([digit; 32])
    }

    fn refused(row: &Value) -> Refused {
        let raw = serde_json::value::to_raw_value(row).unwrap();
        Refused::new(4, &raw, &ParseError::Missing { field: "price" })
    }

    #[test]
    fn a_row_could_be_about_every_order_unless_all_of_its_ids_are_understood() {
        let order = refused(&json!({"id": id(1).to_string(), "price": []}));
        assert_eq!((order.order(), order.may_be_about(id(1)), order.may_be_about(id(2))), (Some(id(1)), true, false));
        let makers = |first: Value| json!([{"order_id": first}, {"order_id": id(3).to_string()}]);
        let trade =
            |taker: Value, makers: Value| refused(&json!({"id": "t", "taker_order_id": taker, "maker_orders": makers}));
        let known = trade(json!(id(1).to_string()), makers(json!(id(2).to_string())));
        assert!([1, 2, 3].iter().all(|digit| known.may_be_about(id(*digit))) && !known.may_be_about(id(4)));
        for vague in [
            refused(&json!({"id": 5})),
            refused(&json!(null)),
            trade(json!(null), makers(json!(id(2).to_string()))),
            trade(json!(id(1).to_string()), makers(json!(7))),
            trade(json!(id(1).to_string()), json!({})),
        ] {
            assert!(vague.may_be_about(id(9)) && vague.order().is_none(), "{vague:?}");
        }
    }

    #[test]
    fn an_element_is_named_by_what_it_calls_itself_or_by_its_place() {
        assert_eq!(refused(&json!({"slug": "s", "id": "7"})).name, "s");
        assert_eq!(refused(&json!({"slug": "", "asset_id": "12"})).name, "12");
        assert_eq!(refused(&json!({"slug": 5})).name, "#4");
        assert_eq!(refused(&json!({"slug": "x".repeat(70_000)})).name.len(), model::event::REASON_MAX);
    }
}
