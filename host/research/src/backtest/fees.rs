//! Fee rates of a run: as recorded, one rate for all, or a schedule by category and date.

use crate::events::ListedMarket;
use anyhow::{Context, bail, ensure};
use model::{FeeRate, Time};
use serde::{Deserialize, Serialize};

/// The source of fee rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fees {
    /// As on the tape; a market without a rate is refused.
    Recorded,
    /// One rate for all markets, in millionths.
    Rate(u32),
    /// By category and date; the last rule that applies counts.
    Schedule(Vec<FeeRule>),
}

/// A line of a fee schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeRule {
    /// The first day on which it applies.
    pub from: Time,
    /// Begin of the slugs that it applies to; `*` for all.
    pub category: String,
    /// The rate in millionths.
    pub rate_micros: u32,
}

/// The most lines of a schedule.
const RULES_MAX: usize = 10_000;

impl Fees {
    /// Returns the fee of a market at its listing.
    ///
    /// # Errors
    /// If there is no rate for it; the message names the market.
    pub fn of(&self, listed: &ListedMarket, at: Time) -> anyhow::Result<FeeRate> {
        let slug = listed.market.slug.as_str();
        match self {
            Self::Recorded if listed.fee_known => Ok(listed.market.fee),
            Self::Recorded => {
                bail!("the tape has no fee rate for the market {slug}; expected --fees with a rate or a schedule")
            }
            Self::Rate(rate_micros) => Ok(FeeRate { rate_micros: *rate_micros }),
            Self::Schedule(rules) => {
                let applies =
                    |rule: &&FeeRule| rule.from <= at && (rule.category == "*" || slug.starts_with(&rule.category));
                let rule = rules.iter().rev().find(applies);
                let rule =
                    rule.with_context(|| format!("no line of the fee schedule applies to {slug} at {}", at.iso()))?;
                Ok(FeeRate { rate_micros: rule.rate_micros })
            }
        }
    }

    /// Parses a schedule: lines of `date,category,rate`, such as `2026-01-01,nba-,0.05`; the first may be a header.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn parse_schedule(text: &str) -> anyhow::Result<Self> {
        let mut rules = Vec::new();
        for (line, number) in text.lines().zip(1u32..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || (number == 1 && line.starts_with("date")) {
                continue;
            }
            let rule = rule(line).with_context(|| {
                format!("line {number} of the fee schedule is `{line}`; expected date,category,rate such as 2026-01-01,nba-,0.05")
            })?;
            ensure!(rules.len() < RULES_MAX, "the fee schedule has more than {RULES_MAX} lines");
            rules.push(rule);
        }
        ensure!(!rules.is_empty(), "the fee schedule has no lines");
        rules.sort_by_key(|rule| rule.from);
        Ok(Self::Schedule(rules))
    }

    /// Parses a rate such as `0.05`, in millionths.
    pub fn parse_rate(text: &str) -> Option<u32> {
        let micros = model::amount::parse_micros(text)?;
        u32::try_from(micros).ok().filter(|micros| *micros <= model::SCALE)
    }
}

fn rule(line: &str) -> Option<FeeRule> {
    let mut fields = line.split(',').map(str::trim);
    let (date, category, rate) = (fields.next()?, fields.next()?, fields.next()?);
    let from = super::times::parse(date)?;
    let complete = fields.next().is_none() && !category.is_empty();
    complete.then_some(FeeRule { from, category: category.to_owned(), rate_micros: Fees::parse_rate(rate)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Market, Price, Size, Usd};

    fn listed(slug: &str, fee_known: bool) -> ListedMarket {
        let market = Market { slug: slug.to_owned(), fee: FeeRate { rate_micros: 20_000 }, ..Market::synthetic(1) };
        ListedMarket { market, fee_known, assumed: Vec::new(), has_books: true, invented: false }
    }

    #[test]
    fn the_fee_of_the_contracts_case() {
        let rate_micros = Fees::parse_rate("0.05").unwrap();
        let fee = Fees::Rate(rate_micros).of(&listed("any", false), Time(0)).unwrap();
        let (price, size) = (Price::parse("0.37").unwrap(), Size::parse("12.345678").unwrap());
        assert_eq!(fee.taker_fee(price, size), Usd::parse("0.14388"));
    }

    #[test]
    fn a_tape_without_a_rate_is_refused_by_name() {
        let error = Fees::Recorded.of(&listed("nba-1", false), Time(0)).unwrap_err().to_string();
        assert!(error.contains("nba-1") && error.contains("--fees"), "{error}");
        assert_eq!(Fees::Recorded.of(&listed("nba-1", true), Time(0)).unwrap().rate_micros, 20_000);
    }

    #[test]
    fn a_schedule_applies_by_slug_and_date() {
        let text = "date,category,rate\n2026-01-01,*,0\n# sports\n2026-02-01,nba-,0.03\n";
        let fees = Fees::parse_schedule(text).unwrap();
        let at = |slug, day| fees.of(&listed(slug, false), super::super::times::parse(day).unwrap());
        assert_eq!(at("nba-1", "2026-01-31").unwrap().rate_micros, 0);
        assert_eq!(at("nba-1", "2026-02-01").unwrap().rate_micros, 30_000);
        assert_eq!(at("btc-1", "2026-02-01").unwrap().rate_micros, 0);
        assert!(at("btc-1", "2025-02-01").unwrap_err().to_string().contains("btc-1"));
        for (bad, named) in
            [("2026-01-01,*,2", "line 1"), ("\n2026-01-01,*", "line 2"), ("x,*,0", "line 1"), ("", "no lines")]
        {
            let error = Fees::parse_schedule(bad).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
