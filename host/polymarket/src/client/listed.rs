//! Lists of the account, some rows of which may fail to parse.

use crate::parse::{Items, Refused, VenueOrder};
use model::VenueOrderId;

/// A list of the account: the parsed rows, and the rows that failed to parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The parsed rows.
    pub rows: Vec<T>,
    /// Rows that failed to parse, already counted and recorded by name. A conclusion from the *absence* of a row must
    /// check these too.
    pub refused: Vec<Refused>,
}

impl<T> Listed<T> {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), refused: Vec::new() }
    }

    pub(super) fn add(&mut self, page: Items<T>) -> Option<String> {
        self.rows.extend(page.items);
        self.refused.extend(page.refused);
        page.next
    }

    /// Returns true if the list has no rows, not even rows that failed to parse.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.refused.is_empty()
    }

    /// Returns the number of rows, including those that failed to parse.
    pub const fn len(&self) -> usize {
        self.rows.len().saturating_add(self.refused.len())
    }

    /// Returns true if a row that failed to parse could be about an order.
    pub fn may_hide(&self, id: VenueOrderId) -> bool {
        self.refused.iter().any(|refused| refused.may_be_about(id))
    }
}

impl Listed<VenueOrder> {
    /// Returns all ids that could be parsed, including ids of rows that otherwise failed to parse.
    pub fn known_ids(&self) -> impl Iterator<Item = VenueOrderId> {
        self.rows.iter().map(|order| order.id).chain(self.refused.iter().filter_map(Refused::order))
    }

    /// Returns the ids of all orders in the list.
    ///
    /// # Errors
    /// A message naming a row whose id cannot be parsed.
    pub fn ids(&self) -> Result<Vec<VenueOrderId>, String> {
        match self.refused.iter().find(|row| row.order().is_none()) {
            Some(row) => Err(format!("the open order {} has no valid id: {}", row.name, row.reason)),
            None => Ok(self.known_ids().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Credentials;
    use crate::client::{AccountClient, Client, OrderLookup, RequestError, Timeouts};
    use model::Time;
    use order::{Account, Address, Chain};
    use serde_json::json;

    fn order_row(digit: u8) -> serde_json::Value {
        json!({"id": VenueOrderId([digit; 32]).to_string(), "status": "LIVE", "asset_id": "12", "side": "BUY",
            "original_size": "100", "size_matched": "25", "price": "0.42", "created_at": 1_795_424_400})
    }

    /// Two open orders parse; a third has only a valid id, and a fourth not even that. One trade names the orders 7 and
    /// 8.
    fn answer(line: &str) -> (u16, String) {
        let with = |digit: u8, field: &str, value: serde_json::Value| {
            let mut row = order_row(digit);
            row[field] = value;
            row
        };
        let rows = match line {
            line if line.contains("/data/order/") => return (200, "null".to_owned()),
            line if line.contains("/data/trades") => {
                let [taker, maker] = [7, 8].map(|digit| VenueOrderId([digit; 32]).to_string());
                vec![json!({"id": 5, "taker_order_id": taker, "maker_orders": [{"order_id": maker}]})]
            }
            line if line.contains("&id=") || line.contains("?id=") => vec![with(3, "price", json!([]))],
            _ => vec![with(3, "price", json!("1e99")), order_row(1), with(4, "id", json!({})), json!(5), order_row(2)],
        };
        (200, json!({"data": rows, "next_cursor": "LTE="}).to_string())
    }

    async fn account() -> AccountClient {
        let (address, _) = crate::client::fake::server(answer).await;
        let client = Client::new(&address, Timeouts::default()).unwrap();
        let credentials = Credentials::new("11111111-2222-4333-8444-555555555555", "c2VjcmV0", "words").unwrap();
        AccountClient::new(client, credentials, Account::eoa(Address([1; 20]), Chain::Polygon))
    }

    #[tokio::test]
    async fn an_odd_order_costs_no_other_and_the_account_does_not_look_empty() {
        let account = account().await;
        let open = account.open_orders().await.unwrap();
        let ids: Vec<_> = open.rows.iter().map(|order| order.id).collect();
        assert_eq!((ids, open.len(), open.is_empty()), (vec![VenueOrderId([1; 32]), VenueOrderId([2; 32])], 5, false));
        assert_eq!(
            open.refused.iter().map(Refused::order).collect::<Vec<_>>(),
            [Some(VenueOrderId([3; 32])), None, None]
        );
        assert!(open.ids().unwrap_err().contains("has no valid id"));
        assert!(open.known_ids().eq([1, 2, 3].map(|digit| VenueOrderId([digit; 32]))));
        let known = Listed { refused: open.refused.iter().take(1).cloned().collect(), rows: open.rows.clone() };
        assert_eq!(
            known.ids().unwrap(),
            [1, 2, 3].map(|digit| VenueOrderId([digit; 32])),
            "an order with a valid id can be cancelled"
        );
        let only_odd = Listed { rows: Vec::new(), ..open };
        assert!(!only_odd.is_empty());
        let lists = account.public().left_out().lists();
        assert_eq!((&*lists[0].list, lists[0].count), ("/data/orders", 3));
    }

    #[tokio::test]
    async fn a_row_that_could_be_the_order_and_fails_to_parse_leaves_it_unknown() {
        let account = account().await;
        for (digit, path) in [(3, "/data/orders"), (7, "/data/trades"), (8, "/data/trades")] {
            let looked = account.query_order(VenueOrderId([digit; 32]), Time(0)).await;
            assert!(matches!(&looked, Err(RequestError::Unread { path: of }) if *of == path), "{digit}: {looked:?}");
        }
        assert_eq!(
            account.query_order(VenueOrderId([9; 32]), Time(0)).await.unwrap(),
            OrderLookup::Denied,
            "no row could be this one"
        );
    }
}
