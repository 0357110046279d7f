//! Time per event of this strategy as native code, in nanoseconds: with one event per call, and with 256. The host's
//! benchmark (`cargo bench -p sandbox`) runs this to compare it with the module.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "a benchmark may fail loudly"
)]

use polytrader_sdk::harness::{START, session};
use polytrader_sdk::{Batch, Event, Quote, Strategy, Top, pack, react};
use std::hint::black_box;
use std::time::Instant;
use template::Template;

const ROUNDS: usize = 300;

fn main() {
    println!("{:.1} {:.1}", measure(1), measure(256));
}

/// Returns the median time of one event, in nanoseconds.
fn measure(events: u32) -> f64 {
    let mut strategy = Template::new(&session(1)).unwrap();
    let mut words = Vec::new();
    for number in 0..events {
        let size = 1_000_000 * (u64::from(number) + 1);
        let side = |price| Some(Quote { price, size });
        let top = Top { token: 0, venue_time: START, host_time: START, bid: side(400_000), ask: side(440_000) };
        pack(&Event::Top(top), &mut words);
    }
    let mut batch = Batch { first: 1, words, own: Vec::new() };
    let calls = if events == 1 { 5_000 } else { 100 };
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..calls {
                let answer = black_box(react(&mut strategy, black_box(&batch)));
                assert!(answer.consumed == events && answer.intents.is_empty());
                batch.first += u64::from(events);
            }
            started.elapsed().as_secs_f64() * 1e9 / f64::from(calls * events)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
