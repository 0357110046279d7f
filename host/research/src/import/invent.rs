//! Books invented from a recorded underlying and the markets that it decided. A tape of them says so in its manifest.

use super::frames::{self, TextChange, TextLevel};
use super::{Format, IMPORTER_VERSION, ImportOptions, Parts, Source};
use anyhow::{Context, bail};
use exchange::invented::{Invented, Options};
use exchange::recording::{read_markets, read_prices};
use model::{Level, MarketIx, Side, TickSize, Time, TokenIx};
use sim::{Event, Venue};
use std::collections::BTreeSet;
use tape::manifest::MarketEntry;
use tape::record::Origin;
use tape::{Manifest, Pace, Record, Stamp, Writer};

/// Writes the invented books of the recordings to a tape of their own; returns the number of frames.
pub(super) fn invent(sources: &[Source], parts: &Parts, options: &ImportOptions) -> anyhow::Result<u64> {
    let of = |format: Format| {
        let mut found = sources.iter().filter(|source| source.format == format);
        match (found.next(), found.next()) {
            (Some(source), None) => Ok(source),
            _ => bail!(
                "invented books need one file of {} and one of {}",
                Format::Prices.name(),
                Format::ResolvedMarkets.name()
            ),
        }
    };
    let (prices, markets) = (of(Format::Prices)?, of(Format::ResolvedMarkets)?);
    let prices = read_prices(&prices.path).with_context(|| prices.path.display().to_string())?;
    let mut markets = read_markets(&markets.path).with_context(|| markets.path.display().to_string())?;
    // The rows were fetched after the close and have the final tick; at listing it is a cent.
    markets.markets.iter_mut().for_each(|decided| decided.market.tick = TickSize::CENT);
    let mut manifest = Manifest::new(&options.program, "invented");
    let choices = Options { seed: options.seed, ..Options::default() };
    manifest.importer = format!("invented-books {IMPORTER_VERSION} seed {}", choices.seed);
    manifest.invented = true;
    let writer = Writer::create(&parts.invented, Pace::WHOLE, manifest)?;
    let mut books = Books { writer, levels: Vec::new(), listed: BTreeSet::new(), fresh: BTreeSet::new() };
    let mut invented = Invented::new(prices, markets, choices);
    while let Some((now, events)) = invented.step() {
        books.step(now, events, invented.venue())?;
    }
    let summary = books.writer.finish()?;
    Ok(summary.records)
}

/// The frames of the invented books.
struct Books {
    writer: Writer,
    /// Changed levels of one market that are not written yet.
    levels: Vec<(TokenIx, Side, String, String)>,
    listed: BTreeSet<MarketIx>,
    /// Markets whose first books were written in this step.
    fresh: BTreeSet<MarketIx>,
}

impl Books {
    fn step(&mut self, now: Time, events: Vec<Event>, venue: &Venue) -> anyhow::Result<()> {
        let mut traded = BTreeSet::new();
        for event in events {
            match event {
                Event::Level { token, side, price, size, .. } => {
                    if self.levels.last().is_some_and(|(last, ..)| last.market() != token.market()) {
                        self.changes(now, venue)?;
                    }
                    self.levels.push((token, side, price.to_string(), size.to_string()));
                }
                Event::Trade(trade) => {
                    traded.insert(trade.token.market());
                    let Some((market, token)) = names(venue, trade.token) else { continue };
                    let (side, price, size) = (trade.side.to_string(), trade.price.to_string(), trade.size.to_string());
                    let bytes = frames::trade(market, &token, now.millis(), &side, &price, &size)?;
                    self.write(now, bytes)?;
                }
                Event::BookReset { market } => drop(traded.insert(market)),
                _ => {}
            }
        }
        self.changes(now, venue)?;
        let fresh = std::mem::take(&mut self.fresh);
        let mut traded = traded.difference(&fresh);
        traded.try_for_each(|market| self.books(now, *market, venue))
    }

    /// Writes the changed levels; the first frame of a market is its book.
    fn changes(&mut self, now: Time, venue: &Venue) -> anyhow::Result<()> {
        let levels = std::mem::take(&mut self.levels);
        let Some(market) = levels.first().map(|(token, ..)| token.market()) else { return Ok(()) };
        if self.listed.insert(market) {
            self.fresh.insert(market);
            return self.list(now, market, venue);
        }
        let Some(listed) = venue.market(market) else { return Ok(()) };
        let changes = levels.into_iter().filter_map(|(token, side, price, size)| {
            let (_, asset_id) = names(venue, token)?;
            let side = if side == Side::Buy { "BUY" } else { "SELL" };
            Some(TextChange { asset_id, price, size, side, hash: String::new() })
        });
        let bytes = frames::changes(listed.condition, now.millis(), &changes.collect::<Vec<_>>())?;
        self.write(now, bytes)
    }

    fn list(&mut self, now: Time, market: MarketIx, venue: &Venue) -> anyhow::Result<()> {
        if let Some(listed) = venue.market(market) {
            let entry = MarketEntry {
                tokens: listed.tokens.map(|token| token.to_string()),
                outcomes: listed.outcomes.clone(),
                slug: listed.slug.clone(),
                first_us: Some(now.0),
                has_books: true,
                invented: true,
                ..MarketEntry::default()
            };
            self.writer.manifest_mut().markets.insert(listed.condition.to_string(), entry);
        }
        self.books(now, market, venue)
    }

    /// Writes the whole books of both tokens.
    fn books(&mut self, now: Time, market: MarketIx, venue: &Venue) -> anyhow::Result<()> {
        for token in [market.token(0), market.token(1)] {
            let Some((condition, asset)) = names(venue, token) else { continue };
            let side = |side: Side| -> Vec<TextLevel> {
                let level = |level: Level| TextLevel { price: level.price.to_string(), size: level.size.to_string() };
                venue.levels(token, side).into_iter().map(level).collect()
            };
            let bytes = frames::book(condition, &asset, now.millis(), "", &side(Side::Buy), &side(Side::Sell))?;
            self.write(now, bytes)?;
        }
        Ok(())
    }

    fn write(&mut self, now: Time, bytes: Vec<u8>) -> anyhow::Result<()> {
        let (stamp, origin) = (Stamp::venue(now.0), Origin::Invented);
        Ok(self.writer.append(&Record::Frame { stamp, connection: 0, origin, bytes })?)
    }
}

fn names(venue: &Venue, token: TokenIx) -> Option<(model::ConditionId, String)> {
    Some((venue.market(token.market())?.condition, venue.token_id(token)?.to_string()))
}
