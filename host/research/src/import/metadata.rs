//! Names of markets and outcomes by token: CSV with a row per token for each start of the recorder.

use super::Format;
use super::source::Source;
use anyhow::Context;
use model::TokenId;
use std::collections::BTreeMap;
use std::path::Path;

/// Maximum rows over all files.
const ROWS_MAX: usize = 1_000_000;

/// Names by token.
#[derive(Debug, Default)]
pub(super) struct Names {
    tokens: BTreeMap<TokenId, (usize, String, String)>,
}

impl Names {
    /// Adds the names of a file.
    pub(super) fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let source = Source { path: path.to_owned(), format: Format::MarketMetadata };
        let (text, _damage) = source.text()?;
        let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let header = rows.headers().with_context(|| path.display().to_string())?.clone();
        let column = |name: &str| {
            let place = header.iter().position(|column| column.trim() == name);
            place.with_context(|| {
                format!("{} line 1: no column `{name}`, expected market_slug, asset_id, outcome_name", path.display())
            })
        };
        let (slug, token, outcome) = (column("market_slug")?, column("asset_id")?, column("outcome_name")?);
        let mut record = csv::StringRecord::new();
        while rows.read_record(&mut record).with_context(|| path.display().to_string())? {
            let line = record.position().map_or(0, csv::Position::line);
            anyhow::ensure!(self.tokens.len() < ROWS_MAX, "{}: more than {ROWS_MAX} tokens", path.display());
            let text = |place: usize| record.get(place).unwrap_or_default();
            let id = TokenId::parse(text(token)).with_context(|| {
                format!("{} line {line}: asset_id {:?}, expected a decimal", path.display(), text(token))
            })?;
            let number = self.tokens.len();
            self.tokens.entry(id).or_insert_with(|| (number, text(slug).to_owned(), text(outcome).to_owned()));
        }
        Ok(())
    }

    /// Returns the name of a token's outcome.
    pub(super) fn outcome(&self, token: &TokenId) -> Option<&str> {
        self.tokens.get(token).map(|(_, _, name)| name.as_str()).filter(|name| !name.is_empty())
    }

    /// Returns the position of a token in the files: the venue's order of outcomes.
    pub(super) fn position(&self, token: &TokenId) -> Option<usize> {
        self.tokens.get(token).map(|(position, ..)| *position)
    }
}
