//! Fields of a document that a parser ignores: those the venue sends, minus those serde requests.

use super::Seen;
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde_json::Value;

/// A deserializer that collects the field names of a type and yields no data.
struct Names<'n>(&'n mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only the field names are collected"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("the type has no named fields"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Returns the fields that a type reads.
fn read_by<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    drop(T::deserialize(Names(&mut names)));
    assert!(!names.is_empty(), "{} has no fields", std::any::type_name::<T>());
    names
}

/// Counts the fields of `row` that a parser of `T` ignores.
pub(super) fn count_unread<'de, T: Deserialize<'de>>(row: &Value, seen: &mut Seen) {
    let names = read_by::<T>();
    for (field, _) in row.as_object().into_iter().flatten().filter(|(field, _)| !names.contains(&field.as_str())) {
        *seen.unread.entry(field.clone()).or_insert(0) += 1;
    }
}

#[test]
fn ignored_fields_are_counted_by_name() {
    let mut seen = Seen::default();
    for row in [serde_json::json!({"conditionId": "0x1", "slug": "s", "mood": 1}), serde_json::json!({"mood": null})] {
        count_unread::<crate::parse::CatalogRow<'_>>(&row, &mut seen);
    }
    assert_eq!(seen.unread.into_iter().collect::<Vec<_>>(), [("mood".to_owned(), 2)]);
}
