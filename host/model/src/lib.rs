//! The vocabulary of trading: prices, sizes, money, ids, markets, books, orders, intents, events and the engine's
//! inputs.
//! Pure and `no_std`: no IO, clock, threads or randomness, and no wire formats (the crates at the edge have their own
//! types for those).
//! Start reading in [`amount`], then [`input`], which lists everything that can reach the engine.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod activity;
pub mod amount;
pub mod book;
pub mod book_pair;
pub mod bounds;
pub mod breaker;
pub mod budget;
pub mod carry_over;
pub mod checkpoint;
pub mod event;
pub mod hex;
pub mod id;
pub mod input;
pub mod intent;
pub mod limits;
pub mod market;
pub mod order;
pub mod position;
pub mod reallocation;
pub mod request_tier;
pub mod settlement;
pub mod shared;
pub mod shared_vec;
pub mod time;
pub mod transfer;
pub mod wants;

pub use activity::{Activity, ActivityKind};
pub use amount::{Price, SCALE, Side, Size, TickSize, Usd};
pub use book::{Book, Level};
pub use book_pair::{BookPair, BookView};
pub use budget::{Allowance, Budget};
pub use carry_over::{CarriedFill, CarriedOrder, CarryOver, FillEntry, RealisedBefore, Score};
pub use checkpoint::{Checkpoint, CheckpointTable, StaleCheckpoint};
pub use event::{
    Depth, LevelChange, MarketEvent, MarketEventKind, MarketNote, MarketState, NoteKind, OwnEvent, SessionState, Signal,
};
pub use id::{
    ConditionId, EventId, MarketIx, OrderId, Seq, SessionId, StrategyId, TokenId, TokenIx, TradeId, VenueOrderId,
};
pub use input::{Input, InputKind};
pub use intent::{Intent, IntentKind, Quote};
pub use limits::Limits;
pub use market::{FeeRate, Market};
pub use order::{NewOrder, OrderKind, OrderState};
pub use position::Position;
pub use reallocation::Reallocation;
pub use request_tier::RequestTier;
pub use shared::Shared;
pub use shared_vec::SharedVec;
pub use time::Time;
pub use transfer::{Transfer, TransferKind};
pub use wants::{DEPTH_MAX, REGULAR_TIMER, Wants};
