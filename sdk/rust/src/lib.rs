//! SDK for PolyTrader trading strategies in Rust.
//!
//! A strategy is a type that implements [`Strategy`]: it receives [`Event`]s and returns [`Intents`]. Prices are
//! micro-dollars a share, sizes micro-shares, money micro-dollars, times microseconds; [`units`] has the arithmetic.
//!
//! ```
//! use polytrader_sdk::{Event, Intents, Manifest, Quote, Session, Strategy, units};
//!
//! /// Bids ten dollars one tick below the best bid of every token.
//! struct Patient {
//!     tick: u32,
//! }
//!
//! impl Strategy for Patient {
//!     fn describe() -> Manifest {
//!         Manifest::new("patient", "1.0.0", "Waits for sellers in a hurry.").markets_max(1)
//!     }
//!
//!     fn new(session: &Session) -> Result<Self, String> {
//!         let market = session.markets.first().ok_or("no market granted; expected one")?;
//!         Ok(Self { tick: market.tick })
//!     }
//!
//!     fn on_event(&mut self, event: &Event, out: &mut Intents) {
//!         let Event::Top(top) = event else { return };
//!         let Some(best) = top.bid else { return };
//!         let price = units::step(best.price, -1, self.tick);
//!         let size = units::shares_for(10 * units::DOLLAR, price);
//!         // Setting an unchanged quote has no effect, so the strategy need not remember it.
//!         out.quote(1, top.token, Some(Quote { price, size }), None, "wait below");
//!     }
//! }
//!
//! polytrader_sdk::export_strategy!(Patient);
//! # fn main() {}
//! ```
//!
//! | purpose | item |
//! |---|---|
//! | parameters that operators set | [`#[derive(Parameters)]`](parameters) |
//! | prices, own orders, positions and cash | [`Tracker`] |
//! | recent price movement | [`window::Window`] |
//! | state that survives a reload | [`memory`] |
//! | tests on a scripted market | `harness::Stage`, native builds only |
//!
//! A strategy crate has `crate-type = ["cdylib", "rlib"]`: the first produces the module that the host loads, the
//! second lets its tests run natively with the [`harness`]. Build it with `cargo build --release --target
//! wasm32-unknown-unknown`; the file name is the strategy's name.

// The derive macros refer to this crate by name, and this crate's own tests use them.
extern crate self as polytrader_sdk;

mod event;
#[cfg(not(target_arch = "wasm32"))]
pub mod harness;
mod intents;
pub mod json;
pub mod memory;
pub mod parameters;
mod runner;
pub mod tracker;
pub mod units;
pub mod window;

pub use bindings::polytrader::strategy::types::{
    Batch, Budget, FillEvent, Intent, IntentKind, Level, Limits, Manifest, Market, OpenOrder, OrderEvent, OrderKind,
    OrderState, OwnEvent, OwnKind, Place, Position, Quote, Reaction, RefusedEvent, Selection, Session, SessionState,
    SetQuote, Settlement, SettlementEvent, Side, Signal, Subscription, Timer, Token,
};
pub use event::{DEPTH_MAX, Depth, Event, Events, MarketState, REGULAR_TIMER, Status, Top, Trade, WORD_LAYOUT, pack};
pub use intents::Intents;
pub use parameters::Parameters;
pub use runner::{Strategy, react};
pub use tracker::Tracker;

/// Bindings that `wit-bindgen` generates from the contract; for [`export_strategy`], not for strategies.
#[doc(hidden)]
#[allow(
    missing_docs,
    missing_debug_implementations,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "strategy",
        pub_export_macro: true,
        default_bindings_module: "polytrader_sdk::bindings",
    });
}

/// Writes a line to the strategy's log; to standard error in native tests.
pub fn log(level: Level, text: &str) {
    #[cfg(target_arch = "wasm32")]
    bindings::log(level, text);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {text}");
}

/// Exports a type that implements [`Strategy`] as this module's strategy. Use it once per crate.
///
/// Native builds export nothing, so that tests link.
#[macro_export]
macro_rules! export_strategy {
    ($strategy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the generated exports are called by the host")]
        const _: () = {
            thread_local! {
                static RUNNING: ::core::cell::RefCell<Option<$strategy>> = const { ::core::cell::RefCell::new(None) };
            }

            struct Exports;

            impl $crate::bindings::Guest for Exports {
                fn describe() -> $crate::Manifest {
                    <$strategy as $crate::Strategy>::describe()
                }

                fn start(session: $crate::Session) -> Result<(), String> {
                    let strategy = <$strategy as $crate::Strategy>::new(&session)?;
                    RUNNING.set(Some(strategy));
                    Ok(())
                }

                fn on_events(batch: $crate::Batch) -> $crate::Reaction {
                    RUNNING.with_borrow_mut(|running| match running {
                        Some(strategy) => $crate::react(strategy, &batch),
                        None => $crate::Reaction { consumed: 0, intents: Vec::new() },
                    })
                }

                fn save() -> Vec<u8> {
                    RUNNING.with_borrow(|running| running.as_ref().map_or_else(Vec::new, $crate::Strategy::save))
                }
            }

    $crate::bindings::export!(Exports with_types_in $crate::bindings);
        };
    };
}
