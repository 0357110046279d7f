//! The columns of full-depth recordings, found by the header, and their rows.

use csv::StringRecord;
use model::{Price, Side, Size, TokenId};

/// Indexes of the columns.
#[derive(Debug)]
pub struct Columns {
    count: usize,
    slug: Option<usize>,
    market: Option<usize>,
    token: usize,
    kind: usize,
    price: usize,
    side: usize,
    size: usize,
    time: usize,
    hash: Option<usize>,
    outcome: Option<usize>,
}

/// One row, parsed; also the texts of its numbers, as recorded.
#[derive(Debug)]
pub struct Row<'a> {
    /// The market's slug; empty without the column.
    pub slug: &'a str,
    /// The market's id; empty without the column.
    pub market: &'a str,
    /// The token.
    pub token: TokenId,
    /// The token's id as text.
    pub token_text: &'a str,
    /// True for a level of a whole book, false for a change.
    pub is_book: bool,
    /// BUY is a bid.
    pub side: Side,
    /// The price and its text.
    pub price: (&'a str, Price),
    /// The size and its text.
    pub size: (&'a str, Size),
    /// The venue's time in milliseconds since 1970.
    pub time_ms: u64,
    /// The frame's hash; empty without the column.
    pub hash: &'a str,
    /// The outcome's name; empty without the column.
    pub outcome: &'a str,
}

impl Columns {
    /// Finds the columns.
    ///
    /// # Errors
    /// The name of the first column that is missing.
    pub fn find(header: &StringRecord) -> Result<Self, &'static str> {
        let place = |column: &str| header.iter().position(|name| name.trim() == column);
        let need = |column| place(column).ok_or(column);
        Ok(Self {
            count: header.len(),
            slug: place("market_slug"),
            market: place("market_id"),
            token: need("asset_id")?,
            kind: need("event_type")?,
            price: need("price")?,
            side: need("side")?,
            size: need("size")?,
            time: need("timestamp")?,
            hash: place("hash"),
            outcome: place("outcome_name"),
        })
    }

    /// Returns the row of a record.
    ///
    /// # Errors
    /// The value that is wrong.
    pub fn row<'a>(&self, record: &'a StringRecord) -> Result<Row<'a>, String> {
        if record.len() != self.count {
            return Err(format!("{} values, expected {}", record.len(), self.count));
        }
        let text = |place: usize| record.get(place).unwrap_or_default();
        let optional = |place: Option<usize>| place.map(text).unwrap_or_default();
        let wrong = |name: &str, place: usize| format!("{name} {:?}", text(place));
        let side = match text(self.side) {
            "bid" | "BUY" => Side::Buy,
            "ask" | "SELL" => Side::Sell,
            _ => return Err(wrong("side", self.side)),
        };
        let is_book = match text(self.kind) {
            "book" => true,
            "price_change" => false,
            _ => return Err(wrong("event_type", self.kind)),
        };
        Ok(Row {
            slug: optional(self.slug),
            market: optional(self.market),
            token: TokenId::parse(text(self.token)).ok_or_else(|| wrong("asset_id", self.token))?,
            token_text: text(self.token),
            is_book,
            side,
            price: (text(self.price), Price::parse(text(self.price)).ok_or_else(|| wrong("price", self.price))?),
            size: (text(self.size), Size::parse(text(self.size)).ok_or_else(|| wrong("size", self.size))?),
            time_ms: unix_ms(text(self.time)).ok_or_else(|| wrong("timestamp", self.time))?,
            hash: optional(self.hash),
            outcome: optional(self.outcome),
        })
    }
}

/// Reads a Unix time as milliseconds; seconds, microseconds and nanoseconds are recognized by their magnitude. Values
/// below the seconds of 2001 are the clock of a synthetic recording.
pub fn unix_ms(text: &str) -> Option<u64> {
    let value: u64 = text.parse().ok()?;
    match value {
        1_000_000_000..100_000_000_000 => value.checked_mul(1_000),
        0..100_000_000_000_000 => Some(value),
        100_000_000_000_000..100_000_000_000_000_000 => value.checked_div(1_000),
        _ => value.checked_div(1_000_000),
    }
}
