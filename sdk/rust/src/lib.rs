//! Writes trading strategies for PolyTrader in Rust.

mod event;
#[cfg(not(target_arch = "wasm32"))]
pub mod harness;
mod intents;
mod runner;
pub mod units;

pub use bindings::polytrader::strategy::types::{
    Batch, Intent, IntentKind, Level, Limits, Manifest, Market, OpenOrder, OrderEvent, OrderKind, OrderState, OwnEvent,
    OwnKind, Place, Position, Quote, Reaction, RefusedEvent, FillEvent, Session, SetQuote, Side, Timer, Token,
};
pub use event::{Event, Events, MarketState, Status, Top, Trade, WORD_LAYOUT, pack};
pub use intents::Intents;
pub use runner::{Strategy, react};

/// What `wit-bindgen` makes of the contract; for [`export_strategy`], not for strategies.
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

/// Makes a type that implements [`Strategy`] the strategy of this module.
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
