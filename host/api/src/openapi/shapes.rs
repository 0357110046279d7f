//! Schemas that the types cannot express: alternatives by a field, numbers that may be texts, and optional bodies.

use crate::idempotency::takes_keys;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// Dollars or shares, including zero.
const AMOUNT: &str = r"^(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?$";
/// Dollars or shares above zero.
const POSITIVE: &str = "^(?:[1-9][0-9]{0,8}(?:\\.[0-9]{1,6})?|0\\.(?:[1-9][0-9]{0,5}|0[1-9][0-9]{0,4}|00[1-9][0-9]{0,3}|000[1-9][0-9]{0,2}|0000[1-9][0-9]?|00000[1-9]))$";
/// A text with a visible character.
pub(crate) const VISIBLE: &str = r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]";

/// Adds the schemas to the document.
pub(super) fn apply(document: &mut Value) {
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        refine(schemas, "TransferBody", transfer());
        refine_field(schemas, "SettingBody", "value", json!({ "type": ["number", "string"] }));
        for field in ["capital_usd", "daily_loss_usd"] {
            let amount = json!({ "type": ["integer", "string", "null"], "minimum": 0, "maximum": 999_999_999, "pattern": AMOUNT });
            refine_field(schemas, "BudgetBody", field, amount);
        }
        let shares = json!({ "type": ["string", "null"], "pattern": POSITIVE });
        refine_field(schemas, "AssignBody", "shares", shares);
        let pairs = json!({ "type": "string", "pattern": format!("^$|{POSITIVE}") });
        refine_field(schemas, "ClaimBody", "shares", pairs);
        refine_field(schemas, "ReasonBody", "reason", json!({ "type": "string", "pattern": VISIBLE }));
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            if let Some(body) = operation.get_mut("requestBody") {
                make_absent_not_null(body);
            }
            if takes_keys(&method.to_uppercase(), path) {
                add_key(operation);
            }
            describe_answers(operation);
        }
    }
}

/// Adds the description that each response must have, if the route has none.
fn describe_answers(operation: &mut Value) {
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        let code = status.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
        let words = code.and_then(|code| code.canonical_reason()).unwrap_or_default();
        if let Some(fields) = response.as_object_mut() {
            let text = fields.entry("description").or_insert_with(|| json!(""));
            if text == "" {
                *text = json!(words);
            }
        }
    }
}

/// Adds the `Idempotency-Key` header and its responses.
fn add_key(operation: &mut Value) {
    let header = json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "A key of this request, such as a UUID: the request is executed once, and repeating it within 24 hours returns the \
                        stored response, also after a restart. The key with another body is refused.",
        "schema": { "type": "string", "pattern": "^[!-~]{1,255}$" },
    });
    let problem = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let Some(fields) = operation.as_object_mut() else { return };
    if let Some(parameters) = fields.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        parameters.push(header);
    }
    let Some(responses) = fields.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, what) in [
        ("400", "a parameter, the key or the body is invalid"),
        ("409", "the request with this key is still running"),
        ("422", "the key was used for another request"),
        ("429", "too many keys within a day"),
    ] {
        responses.entry(status).or_insert_with(|| json!({ "description": what, "content": problem }));
    }
}

/// Replaces the schema of a type, and keeps its description.
fn refine(schemas: &mut Map<String, Value>, name: &str, form: Value) {
    let Some(schema) = schemas.get_mut(name) else { return };
    let description = schema.get("description").cloned();
    *schema = form;
    if let (Some(text), Some(fields)) = (description, schema.as_object_mut()) {
        fields.insert("description".to_owned(), text);
    }
}

/// Replaces the schema of a field, and keeps its description.
fn refine_field(schemas: &mut Map<String, Value>, name: &str, field: &str, form: Value) {
    let fields = schemas.get_mut(name).and_then(|schema| schema.get_mut("properties"));
    if let Some(fields) = fields.and_then(Value::as_object_mut) {
        refine(fields, field, form);
    }
}

/// Removes `null` from an optional body: the body may be absent, but `null` is refused as any text that is not an
/// object.
fn make_absent_not_null(body: &mut Value) {
    let kinds = body.get_mut("content").and_then(Value::as_object_mut);
    for kind in kinds.into_iter().flat_map(|kinds| kinds.values_mut()) {
        let alternatives = kind.pointer("/schema/oneOf").and_then(Value::as_array);
        let is_null = |form: &&Value| form.get("type") == Some(&json!("null"));
        let own = alternatives.filter(|all| all.len() == 2 && all.iter().any(|form| is_null(&form)));
        let own = own.and_then(|all| all.iter().find(|form| !is_null(form)).cloned());
        if let (Some(own), Some(kind)) = (own, kind.as_object_mut()) {
            kind.insert("schema".to_owned(), own);
        }
    }
}

/// Returns the schema of a transfer. Each kind requires its own fields; the other fields are texts and are ignored.
fn transfer() -> Value {
    let text = json!({ "type": "string" });
    let (positive, paid) =
        (json!({ "type": "string", "pattern": POSITIVE }), json!({ "type": "string", "pattern": AMOUNT }));
    let form = |kinds: &[&str], own: &[(&str, &Value)]| {
        let mut fields = json!({
            "kind": { "type": "string", "enum": kinds },
            "reason": { "type": "string", "pattern": VISIBLE },
            "user": &text, "amount_usd": &text, "market": &text, "token": &text, "shares": &text,
        });
        let mut required = vec!["kind", "reason"];
        for (name, form) in own {
            if let Some(fields) = fields.as_object_mut() {
                fields.insert((*name).to_owned(), (*form).clone());
            }
            required.push(name);
        }
        json!({ "type": "object", "properties": fields, "required": required })
    };
    json!({ "oneOf": [
        form(&["deposit", "withdrawal", "reward", "rebate", "gas"], &[("amount_usd", &positive)]),
        form(&["split", "merge"], &[("market", &text), ("shares", &positive)]),
        form(&["redeem", "convert"], &[("token", &text), ("shares", &positive), ("amount_usd", &paid)]),
    ] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_reach_the_description_and_optional_bodies_are_not_null() {
        let described = crate::document();
        let schemas = &described["components"]["schemas"];
        assert_eq!(schemas["TransferBody"]["oneOf"].as_array().map(Vec::len), Some(3));
        assert_eq!(schemas["SettingBody"]["properties"]["value"]["type"], json!(["number", "string"]));
        assert_eq!(schemas["ReasonBody"]["properties"]["reason"]["pattern"], VISIBLE);
        let body = &described["paths"]["/v1/strategies/{name}/rollback"]["post"]["requestBody"];
        let form = &body["content"]["application/json"]["schema"];
        assert_eq!(form["$ref"], "#/components/schemas/VersionBody", "{body}");
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["responses"]["421"]["content"].is_object(), "{method} {path}");
            }
        }
    }
}
