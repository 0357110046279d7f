//! Records of sources that are not in the order of time: collected, sorted and written.

use super::sink::Sink;
use anyhow::ensure;
use model::{ConditionId, TokenId};
use sha2::{Digest, Sha256};
use tape::manifest::{HindsightEntry, MarketEntry};
use tape::{Record, Stamp};

/// Maximum records that are held in memory.
const HELD_MAX: usize = 5_000_000;

/// Records with the lines that they come from.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    records: Vec<(u64, Record)>,
}

impl Timeline {
    /// Adds a value of a series.
    pub(super) fn signal(&mut self, line: u64, stamp: Stamp, source_us: u64, name: String, value: String) {
        self.records.push((line, Record::Signal { stamp, source_us, name, value }));
    }

    /// Adds the moment at which a market stops accepting orders.
    pub(super) fn closed(&mut self, line: u64, at_us: u64, market: ConditionId) {
        self.records.push((line, Record::Closed { stamp: Stamp::venue(at_us), market }));
    }

    /// Sorts and writes the records. Lines whose signals were before those of the line above are counted.
    pub(super) fn write(mut self, sink: &mut Sink) -> anyhow::Result<()> {
        ensure!(self.records.len() <= HELD_MAX, "more than {HELD_MAX} records, expected fewer; split the file");
        let mut last = (0, 0);
        for (line, record) in &self.records {
            if let Record::Signal { stamp, .. } = record {
                if stamp.at_us < last.0 && *line != last.1 {
                    sink.report.issue("unsorted", *line, || "earlier than the line before".to_owned());
                }
                last = (stamp.at_us, *line);
            }
        }
        self.records.sort_by_key(|(_, record)| record.stamp().at_us);
        for (_, record) in self.records {
            sink.record(&record)?;
        }
        Ok(())
    }
}

/// Returns ids for a market of which only the name is known.
pub(super) fn named(slug: &str) -> (ConditionId, [TokenId; 2]) {
    let of = |part: &str| -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"polytrader market of name");
        hash.update(part.as_bytes());
        hash.update(slug.as_bytes());
        hash.finalize().into()
    };
    (ConditionId(of("condition")), [TokenId(of("first")), TokenId(of("second"))])
}

/// Returns the entry of an up-or-down market that is known by its name.
pub(super) fn up_or_down(slug: &str, tokens: [TokenId; 2], end_us: u64) -> MarketEntry {
    MarketEntry {
        tokens: tokens.map(|token| token.to_string()),
        outcomes: ["Up".to_owned(), "Down".to_owned()],
        slug: slug.to_owned(),
        end_us: Some(end_us),
        assumed: vec!["condition and token ids derived from the name".to_owned()],
        ..MarketEntry::default()
    }
}

/// Returns the outcome of a market that is known to have resolved.
pub(super) fn resolved(first_won: bool, resolved_us: Option<u64>) -> HindsightEntry {
    let pays_micros = Some(if first_won { 1_000_000 } else { 0 });
    HindsightEntry { pays_micros, resolved_us, ..HindsightEntry::default() }
}
