//! A recording of real order books in CSV (the format of `polytrader exchange --recording`, not `tape-v1`) as events of one
//! market.

use super::events;
use crate::events::{TapeEvent, TapeEventKind};
use anyhow::Context;
use exchange::recording::{Frame, FrameKind, Recording, read_file};
use model::event::{MarketEvent, MarketEventKind};
use model::{Level, Market, MarketIx, Side, TickSize, Time};
use std::path::Path;

/// Maximum pause between events; longer ones may be an interruption of the recorder.
const SILENCE_MAX_MS: u64 = 5_000;

/// Reads a recording.
///
/// # Errors
/// If it cannot be read, or is not a recording of one market.
pub(super) fn read(path: &Path) -> anyhow::Result<(Market, Vec<TapeEvent>)> {
    let recording = read_file(path).with_context(|| format!("reading the tape {}", path.display()))?;
    if recording.torn_lines > 0 {
        tracing::warn!(path = %path.display(), lines = recording.torn_lines, "torn lines of the tape skipped");
    }
    if !recording.ends_early.is_empty() {
        let reason = recording.ends_early.as_str();
        tracing::warn!(path = %path.display(), reason, "the tape ends early; only its complete lines are used");
    }
    Ok((market(&recording), events_of(&recording)))
}

/// Returns the market of a recording, with the tick size that its finest price needs.
fn market(recording: &Recording) -> Market {
    let prices = || recording.frames.iter().flat_map(|frame| frame.levels.iter().map(|(_, price, _)| *price));
    let grids = [Some(TickSize::CENT), Some(TickSize::MILL), TickSize::from_micros(100)];
    let tick = grids.into_iter().flatten().find(|tick| prices().all(|price| price.is_on(*tick)));
    let [first, second] = recording.outcomes.clone();
    Market {
        tokens: recording.tokens,
        outcomes: [first.unwrap_or_else(|| "Yes".to_owned()), second.unwrap_or_else(|| "No".to_owned())],
        slug: recording.slug.clone(),
        question: recording.slug.clone(),
        tick: tick.unwrap_or(TickSize::CENT),
        ..events::market()
    }
}

/// Returns the frames as events, with a clock that starts at the first frame.
fn events_of(recording: &Recording) -> Vec<TapeEvent> {
    let mut tape = Vec::new();
    let mut at = Time(recording.frames.first().map_or(0, |frame| frame.time_ms).saturating_mul(1_000));
    let mut last_ms = None;
    for (number, frame) in (1u64..).zip(&recording.frames) {
        let pause = frame.time_ms.saturating_sub(last_ms.unwrap_or(frame.time_ms)).min(SILENCE_MAX_MS);
        at = at.plus_micros(pause.saturating_mul(1_000));
        // A frame may be late; time does not go back.
        last_ms = Some(frame.time_ms.max(last_ms.unwrap_or(0)));
        tape.extend(kinds(frame).into_iter().map(|kind| {
            let token = MarketIx(0).token(frame.outcome);
            let kind = TapeEventKind::market(MarketEvent { token, venue_time: at, kind }, false);
            TapeEvent { frame: number, venue_at: at, received_at: None, kind }
        }));
    }
    tape
}

fn kinds(frame: &Frame) -> Vec<MarketEventKind> {
    let side = |wanted: Side| {
        let levels = frame.levels.iter().filter(|(side, _, size)| *side == wanted && !size.is_zero());
        levels.map(|(_, price, size)| Level { price: *price, size: *size }).collect()
    };
    match frame.kind {
        FrameKind::Book => vec![MarketEventKind::Book { bids: side(Side::Buy), asks: side(Side::Sell) }],
        FrameKind::Change => {
            let levels = frame.levels.iter();
            levels
                .map(|(side, price, size)| MarketEventKind::Level { side: *side, price: *price, size: *size })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "market_slug,asset_id,event_type,price,side,size,hash,timestamp\n\
        g,11,book,0.40,bid,10,a,1000\ng,11,book,0.45,ask,20,a,1000\n\
        g,22,book,0.55,bid,20,b,1000\n\
        g,11,price_change,0.415,bid,5,c,1200\n\
        g,11,price_change,0.415,bid,0,d,90000\n";

    #[test]
    fn a_recording_is_a_market_and_its_events_with_short_silences() {
        let path = std::env::temp_dir().join(format!("polytrader-tape-{}.csv", std::process::id()));
        std::fs::write(&path, ROWS).unwrap();
        let (market, tape) = read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((market.slug.as_str(), market.tick), ("g", TickSize::MILL));
        let times: Vec<u64> = tape.iter().map(|event| event.venue_at.0).collect();
        assert_eq!(times, [1_000_000, 1_000_000, 1_200_000, 6_200_000]);
        let of = |place: usize| tape[place].kind.market_events().next().unwrap();
        let MarketEventKind::Book { bids, asks } = &of(0).kind else { panic!("{:?}", tape[0]) };
        assert_eq!((bids.len(), asks.len()), (1, 1));
        assert_eq!(of(1).token, MarketIx(0).token(1));
        assert!(matches!(of(3).kind, MarketEventKind::Level { size, .. } if size.is_zero()), "{:?}", tape[3]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("/nowhere/tape.csv")).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/tape.csv"), "{error:#}");
    }
}
