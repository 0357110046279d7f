//! Request bodies that state a reason.

use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType};
use utoipa::{PartialSchema, ToSchema};

/// The body of a restricting action. It is read after the action, and nothing in it is refused.
#[derive(Debug)]
pub struct NoteBody;

impl PartialSchema for NoteBody {
    fn schema() -> RefOr<Schema> {
        let text = "Any text. The audit records the `reason` and the `user` of a JSON object, or otherwise the beginning of the text.";
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(text)).build().into()
    }
}

impl ToSchema for NoteBody {}

/// The body of actions without parameters.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct ActionNote {
    #[serde(default)]
    pub reason: String,
    /// The user that the request claims to come from; the token identifies the caller.
    #[serde(default)]
    pub user: String,
}
