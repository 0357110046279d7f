//! Writing of parameters to a settings file that preserves the order, format and comments of everything that did not
//! change.

use super::{json, table};
use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value as Json};
use toml_edit::{Array, ArrayOfTables, Decor, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};

const NAME: &str = "parameters";

/// Returns `text` with these parameters and otherwise unchanged. A comment on its own line is always kept; a comment
/// behind a value is removed together with the value.
///
/// # Errors
/// If `text` is not TOML, or a value such as `null` has no TOML form.
pub(crate) fn with_parameters(text: &str, parameters: &Map<String, Json>) -> anyhow::Result<String> {
    let before = table(text)?;
    let old = parameters_of(&before);
    let count = before.get(NAME).map_or(Some(0), |given| Some(given.as_table()?.len()));
    if old == *parameters && count == Some(old.len()) {
        return Ok(text.to_owned());
    }
    // The TOML editor uses one line ending for all keys.
    let is_crlf = text.contains('\n') && text.matches('\n').count() == text.matches("\r\n").count();
    let source = if is_crlf { text.replace("\r\n", "\n") } else { text.to_owned() };
    let mut document: DocumentMut = source.parse().context("not valid TOML")?;
    set(&mut document, &old, parameters)?;
    let written = document.to_string();
    let written = if is_crlf { written.replace('\n', "\r\n") } else { written };
    verify(&written, before, parameters)?;
    Ok(written)
}

/// Returns the parameters of a file, without values that JSON cannot represent.
fn parameters_of(file: &toml::Table) -> Map<String, Json> {
    let parameters = file.get(NAME).and_then(toml::Value::as_table).into_iter().flatten();
    parameters.filter_map(|(name, value)| Some((name.clone(), json(value.clone()).ok()?))).collect()
}

/// Checks the result by parsing it as the host will.
fn verify(written: &str, before: toml::Table, parameters: &Map<String, Json>) -> anyhow::Result<()> {
    let mut after = table(written).context("the file would not be readable with these parameters")?;
    let mut expected = before;
    expected.remove(NAME);
    let same = parameters_of(&after) == *parameters;
    after.remove(NAME);
    ensure!(same && after == expected, "these parameters would change other parts of the file; edit it manually");
    Ok(())
}

/// Sets the parameters in a document; `old` are its current parameters.
fn set(document: &mut DocumentMut, old: &Map<String, Json>, new: &Map<String, Json>) -> anyhow::Result<()> {
    let mut homeless = String::new();
    if !document.get(NAME).is_some_and(Item::is_table_like) {
        homeless.push_str(&remove(document.as_table_mut(), NAME));
        // Comments at the end of the file stay before the new table.
        let end = format!("{}{homeless}", end_of(document));
        let gap = if end.is_empty() && document.is_empty() { "" } else { "\n" };
        let mut table = Table::new();
        table.decor_mut().set_prefix(format!("{end}{gap}"));
        homeless.clear();
        document.set_trailing("");
        document.insert(NAME, Item::Table(table));
    }
    let item = document.get_mut(NAME).context("the file has no table `parameters`")?;
    change_table(item, old, new, &mut homeless)?;
    let end = end_of(document);
    document.set_trailing(format!("{homeless}{end}"));
    Ok(())
}

fn end_of(document: &DocumentMut) -> String {
    document.trailing().as_str().unwrap_or_default().to_owned()
}

/// Changes a table. Comments that have no place left in it are appended to `homeless`.
fn change_table(
    item: &mut Item,
    old: &Map<String, Json>,
    new: &Map<String, Json>,
    homeless: &mut String,
) -> anyhow::Result<()> {
    if let Some(table) = item.as_inline_table_mut()
        && new.keys().any(|name| !table.contains_key(name))
    {
        close_up(table);
    }
    let mut comments = String::new();
    let table = item.as_table_like_mut().context("not a table")?;
    change_entries(table, old, new, &mut comments)?;
    if !comments.is_empty() && !follow(item, &comments) {
        homeless.push_str(&comments);
    }
    Ok(())
}

fn change_entries(
    table: &mut dyn TableLike,
    old: &Map<String, Json>,
    new: &Map<String, Json>,
    homeless: &mut String,
) -> anyhow::Result<()> {
    for name in names(table).iter().filter(|name| !new.contains_key(*name)) {
        homeless.push_str(&remove(table, name));
    }
    for (name, value) in new.iter().filter(|(name, value)| old.get(*name) != Some(value)) {
        let changed = match table.get_mut(name) {
            Some(item) => change(item, old.get(name), value, homeless),
            None => Ok(false),
        };
        if !changed.with_context(|| format!("`{name}`"))? {
            homeless.push_str(&remove(table, name));
            table.insert(name, Item::Value(form(value).with_context(|| format!("`{name}`"))?));
        }
    }
    Ok(())
}

/// Changes a value in place, and returns whether that is possible.
fn change(item: &mut Item, old: Option<&Json>, new: &Json, homeless: &mut String) -> anyhow::Result<bool> {
    match (item, old, new) {
        (Item::ArrayOfTables(tables), Some(Json::Array(old)), Json::Array(new)) => {
            return change_tables(tables, old, new, homeless);
        }
        (Item::Value(Value::Array(array)), Some(Json::Array(old)), Json::Array(new)) => {
            change_array(array, old, new, homeless)?;
        }
        (item, Some(Json::Object(old)), Json::Object(new)) => change_table(item, old, new, homeless)?,
        (Item::Value(value), _, new) => {
            let decor = value.decor().clone();
            *value = form(new)?;
            *value.decor_mut() = decor;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn change_tables(
    tables: &mut ArrayOfTables,
    old: &[Json],
    new: &[Json],
    homeless: &mut String,
) -> anyhow::Result<bool> {
    let (Some(old), Some(new)) = (objects(old), objects(new)) else { return Ok(false) };
    if new.is_empty() {
        return Ok(false);
    }
    while tables.len() > new.len() {
        let last = tables.len().saturating_sub(1);
        homeless.push_str(&tables.get(last).map(comments_of_table).unwrap_or_default());
        tables.remove(last);
    }
    for (table, (old, new)) in tables.iter_mut().zip(old.into_iter().zip(&new)) {
        change_entries(table, old, new, homeless)?;
    }
    for object in new.iter().skip(tables.len()) {
        let mut table = Table::new();
        change_entries(&mut table, &Map::new(), object, homeless)?;
        tables.push(table);
    }
    Ok(true)
}

fn objects(values: &[Json]) -> Option<Vec<&Map<String, Json>>> {
    values.iter().map(Json::as_object).collect()
}

fn change_array(array: &mut Array, old: &[Json], new: &[Json], homeless: &mut String) -> anyhow::Result<()> {
    while array.len() > new.len() {
        shorten(array);
    }
    for (value, (old, new)) in array.iter_mut().zip(old.iter().zip(new)).filter(|(_, (old, new))| old != new) {
        let mut item = Item::Value(value.clone());
        change(&mut item, Some(old), new, homeless)?;
        if let Item::Value(changed) = item {
            *value = changed;
        }
    }
    for value in new.iter().skip(array.len()) {
        lengthen(array, form(value)?);
    }
    Ok(())
}

/// Removes the last value of an array together with the comment on its line. The comment of the previous line is behind
/// the last comma.
fn shorten(array: &mut Array) {
    let Some(place) = array.len().checked_sub(1) else { return };
    let gone = array.remove(place);
    let end = format!("{}{}", suffix(gone.decor()), array.trailing().as_str().unwrap_or_default());
    let before = prefix(gone.decor());
    if before.contains('#') || end.contains('\n') {
        let (kept, _) = before.rsplit_once('\n').unwrap_or_default();
        let (_, rest) = end.split_once('\n').unwrap_or_default();
        array.set_trailing(format!("{kept}\n{rest}"));
    }
}

/// Adds a value to an array, on its own line if the closing bracket is on one.
fn lengthen(array: &mut Array, mut value: Value) {
    let end = array.trailing().as_str().unwrap_or_default().to_owned();
    let Some(last) = array.len().checked_sub(1).and_then(|last| array.get_mut(last)) else { return array.push(value) };
    let end = format!("{}{end}", suffix(last.decor()));
    let Some((line, rest)) = end.split_once('\n') else { return array.push(value) };
    let before = prefix(last.decor());
    let indent = before.rsplit_once('\n').map_or("", |(_, indent)| indent);
    *value.decor_mut() = Decor::new(format!("{line}\n{indent}"), "");
    last.decor_mut().set_suffix("");
    array.set_trailing(format!("\n{rest}"));
    array.push_formatted(value);
}

/// Removes the space before the closing bracket of an inline table, before an entry is added.
fn close_up(table: &mut InlineTable) {
    let last = table.iter_mut().last().filter(|(_, value)| suffix(value.decor()).trim().is_empty());
    if let Some((_, value)) = last {
        value.decor_mut().set_suffix("");
    }
}

/// Returns a value in TOML form, on one line.
fn form(value: &Json) -> anyhow::Result<Value> {
    Ok(match value {
        Json::Null => bail!("null has no form in TOML; leave it out"),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(float)) if number.is_f64() => Value::from(float),
            _ => bail!("{number} has no form in TOML; the largest number is {}", i64::MAX),
        },
        // A JSON string is valid TOML, except for one character.
        Json::String(text) if text.contains(['\n', '\r']) => value.to_string().replace('\u{7f}', "\\u007F").parse()?,
        Json::String(text) => Value::from(text),
        Json::Array(values) => Value::Array(values.iter().map(form).collect::<anyhow::Result<_>>()?),
        Json::Object(named) => {
            let named = named.iter().map(|(name, value)| Ok((Key::new(name), form(value)?)));
            Value::InlineTable(named.collect::<anyhow::Result<_>>()?)
        }
    })
}

fn names(table: &dyn TableLike) -> Vec<String> {
    table.iter().map(|(name, _)| name.to_owned()).collect()
}

/// Removes an entry. The comment lines above it move to a neighbouring entry, or are returned if there is none.
fn remove(table: &mut dyn TableLike, name: &str) -> String {
    let names = names(table);
    let comments = table.key(name).zip(table.get(name)).map(|(key, item)| comments_of(key, item)).unwrap_or_default();
    table.remove(name);
    let Some(place) = names.iter().position(|other| other == name).filter(|_| !comments.is_empty()) else {
        return comments;
    };
    let before = place.checked_sub(1).and_then(|place| names.get(place));
    if before.and_then(|name| table.get_mut(name)).is_some_and(|item| follow(item, &comments)) {
        return String::new();
    }
    let after = place.checked_add(1).and_then(|place| names.get(place));
    if after.is_some_and(|name| precede(table, name, &comments)) { String::new() } else { comments }
}

/// Returns the comment lines above an entry, and those in it if it is a table.
fn comments_of(key: &Key, item: &Item) -> String {
    match item {
        Item::None => String::new(),
        Item::Value(_) => lines(&prefix(key.leaf_decor())),
        Item::Table(table) => comments_of_table(table),
        Item::ArrayOfTables(tables) => tables.iter().map(comments_of_table).collect(),
    }
}

fn comments_of_table(table: &Table) -> String {
    let above = if table.is_dotted() { String::new() } else { lines(&prefix(table.decor())) };
    let inside = table.iter().filter_map(|(name, item)| Some(comments_of(table.key(name)?, item)));
    std::iter::once(above).chain(inside).collect()
}

/// Returns the complete lines of a prefix, if they contain a comment.
fn lines(before: &str) -> String {
    let whole = before.rsplit_once('\n').filter(|(lines, _)| lines.contains('#'));
    whole.map(|(lines, _)| format!("{lines}\n")).unwrap_or_default()
}

/// Adds comments behind an item, and returns whether that is possible.
fn follow(item: &mut Item, comments: &str) -> bool {
    match item {
        Item::None => false,
        Item::Value(value) => {
            append(value.decor_mut(), comments);
            true
        }
        Item::Table(table) => follow_table(table, comments),
        Item::ArrayOfTables(tables) => tables.iter_mut().last().is_some_and(|table| follow_table(table, comments)),
    }
}

fn follow_table(table: &mut Table, comments: &str) -> bool {
    let has_header = !table.is_dotted() && !table.is_implicit();
    if table.iter_mut().last().is_some_and(|(_, item)| follow(item, comments)) {
        return true;
    }
    if has_header {
        append(table.decor_mut(), comments);
    }
    has_header
}

fn append(decor: &mut Decor, comments: &str) {
    decor.set_suffix(format!("{}\n{}", suffix(decor), comments.trim_end_matches('\n')));
}

/// Adds comments before an entry, and returns whether that is possible.
fn precede(table: &mut dyn TableLike, name: &str, comments: &str) -> bool {
    if let Some(Item::Table(table)) = table.get_mut(name) {
        let before = format!("{comments}{}", prefix(table.decor()));
        let has_header = !table.is_dotted() && !table.is_implicit();
        if has_header {
            table.decor_mut().set_prefix(before);
        }
        return has_header;
    }
    let is_value = table.get(name).is_some_and(Item::is_value);
    if let Some(mut key) = table.key_mut(name).filter(|_| is_value) {
        let before = format!("{comments}{}", prefix(key.leaf_decor()));
        key.leaf_decor_mut().set_prefix(before);
    }
    is_value
}

fn prefix(decor: &Decor) -> String {
    decor.prefix().and_then(|text| text.as_str()).unwrap_or_default().to_owned()
}

fn suffix(decor: &Decor) -> String {
    decor.suffix().and_then(|text| text.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
