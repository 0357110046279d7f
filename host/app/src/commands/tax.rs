//! `polytrader tax export`: a CSV line for each lot. Works with and without a running host.

use crate::cli::{ExportArgs, TaxAction, TaxArgs};
use crate::commands::lots::{Lot, walk};
use crate::console::eprintln;
use anyhow::{Context, anyhow};
use model::{Size, Time, Usd};
use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const HEADER: [&str; 15] = [
    "account",
    "market",
    "outcome",
    "token",
    "shares",
    "opened_at",
    "opened_by",
    "closed_at",
    "closed_by",
    "cost_usd",
    "opening_fee_usd",
    "proceeds_usd",
    "closing_fee_usd",
    "gain_usd",
    "note",
];

/// Runs `polytrader tax`.
///
/// # Errors
/// If the configuration is invalid, the database cannot be read, or the lines cannot be written.
pub(crate) fn run(args: &TaxArgs) -> anyhow::Result<ExitCode> {
    let TaxAction::Export(args) = &args.action;
    if args.lots.common.json {
        return Err(anyhow!("tax export writes CSV; --json is for the other commands"));
    }
    let written = match &args.out {
        Some(path) => {
            let count = export(args, new_file(path)?)?;
            eprintln(&format!("{count} lots were written to {}", path.display()));
            count
        }
        // Not through the output queue, which may drop lines.
        None => export(args, std::io::stdout().lock())?,
    };
    if written == 0 {
        eprintln("no lot was closed in this mode");
    }
    Ok(ExitCode::SUCCESS)
}

fn new_file(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.with_context(|| format!("creating {}, which must not exist", path.display()))
}

/// Writes the lines, and returns their number.
fn export(args: &ExportArgs, out: impl Write) -> anyhow::Result<u64> {
    let mut lines = Lines { csv: csv::Writer::from_writer(out), count: 0, failed: None };
    lines.write(&HEADER.map(Cow::from));
    lines.count = 0;
    let open = walk(
        &args.lots,
        |_| {},
        |lot| {
            let year = lot.closing.as_ref().map(|closing| year(closing.at_ms));
            if args.year.is_none_or(|wanted| year.as_deref() == Some(format!("{wanted:04}").as_str())) {
                lines.write(&fields(&lot));
            }
        },
    )?;
    if args.open {
        open.into_open().for_each(|lot| lines.write(&fields(&lot)));
    }
    lines.end()
}

fn year(at_ms: u64) -> String {
    let mut text = Time::from_millis(at_ms).iso();
    text.truncate(4);
    text
}

struct Lines<W: Write> {
    csv: csv::Writer<W>,
    count: u64,
    failed: Option<csv::Error>,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, fields: &[Cow<'_, str>; 15]) {
        if self.failed.is_none() {
            self.failed = self.csv.write_record(fields.iter().map(|field| field.as_bytes())).err();
            self.count = self.count.saturating_add(1);
        }
    }

    fn end(mut self) -> anyhow::Result<u64> {
        if let Some(error) = self.failed {
            return Err(error).context("writing the lots");
        }
        self.csv.flush().context("writing the lots")?;
        Ok(self.count)
    }
}

fn fields(lot: &Lot) -> [Cow<'_, str>; 15] {
    let at = |at_ms: u64| Cow::from(Time::from_millis(at_ms).iso());
    let usd = |micros: i64| Cow::from(Usd(micros).to_string());
    let (opening, closing) = (lot.opening.as_ref(), lot.closing.as_ref());
    let none = || Cow::from("");
    let closed_by = match closing.map(|closing| closing.by.as_str()) {
        Some("trade") => "sale",
        Some(by) => by,
        None => "",
    };
    let opened_by = match opening.map(|opening| opening.by.as_str()) {
        Some("trade") => "purchase",
        Some(by) => by,
        None => "",
    };
    let note = match (opening, closing) {
        (None, _) => "the origin of these shares is not in the database; their cost counts as 0",
        (_, None) => "open",
        _ => "",
    };
    [
        text(&lot.account),
        text(&lot.market),
        text(&lot.outcome),
        text(&lot.token),
        Cow::from(Size(lot.size_micros).to_string()),
        opening.map_or_else(none, |opening| at(opening.at_ms)),
        Cow::from(opened_by),
        closing.map_or_else(none, |closing| at(closing.at_ms)),
        Cow::from(closed_by),
        opening.map_or_else(none, |opening| usd(opening.cost)),
        opening.map_or_else(none, |opening| usd(opening.fee)),
        closing.map_or_else(none, |closing| usd(closing.proceeds)),
        closing.map_or_else(none, |closing| usd(closing.fee)),
        lot.gain().map_or_else(none, usd),
        Cow::from(note),
    ]
}

/// Returns the text, quoted if a spreadsheet would read it as a formula.
fn text(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { Cow::from(format!("'{text}")) } else { Cow::from(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::lots::{Closing, Opening};

    fn lot() -> Lot {
        let opening = Opening { at_ms: 0, by: "trade".into(), cost: 400_000, fee: 1 };
        let closing = Closing { at_ms: 86_400_000, by: "redeem".into(), proceeds: 0, fee: 0 };
        Lot {
            account: "0xa".into(),
            token: "7".into(),
            market: "=HYPERLINK(1)".into(),
            outcome: "Yes, maybe".into(),
            size_micros: 1_500_000,
            opening: Some(opening),
            closing: Some(closing),
        }
    }

    #[test]
    fn a_line_has_times_of_utc_decimals_and_no_formulas() -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        let mut lines = Lines { csv: csv::Writer::from_writer(&mut bytes), count: 0, failed: None };
        lines.write(&fields(&lot()));
        lines.write(&fields(&Lot { opening: None, ..lot() }));
        lines.write(&fields(&Lot { closing: None, ..lot() }));
        assert_eq!(lines.end()?, 3);
        let text = String::from_utf8(bytes)?;
        let expected = "0xa,'=HYPERLINK(1),\"Yes, maybe\",7,1.5,1970-01-01T00:00:00Z,purchase,1970-01-02T00:00:00Z,redeem,0.4,0.000001,0,0,-0.400001,\n";
        assert_eq!(text.split_inclusive('\n').next(), Some(expected));
        assert!(
            text.contains("the origin of these shares is not in the database") && text.contains(",,,open\n"),
            "{text}"
        );
        Ok(())
    }
}
