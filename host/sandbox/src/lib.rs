//! Strategies in WebAssembly: loading and checking modules, running instances under limits, packing events, reading answers.
//! A strategy can say anything; nothing that it says or does harms the host or another strategy. It ends in a [`Fault`] at worst.
//! Start reading in [`Sandbox`], then [`Module`] and [`Instance`].

mod answer;
mod bindings;
mod cache;
mod check;
mod compile;
mod contract;
mod fault;
mod grants;
mod guest;
mod instance;
mod module;
mod native;
mod own;
mod own_program;
mod pack;
mod rerun;
mod session;
mod settings;
mod since;
mod state;
pub mod supervisor;

pub use cache::Cache;
pub use compile::{Compiler, Program, work};
pub use contract::Contract;
pub use fault::{AddressSpace, Fault, LoadError, Measure, visible};
pub use grants::{Grant, Grants};
pub use instance::{Batch, Instance, Reaction, Usage};
pub use module::{Manifest, Module, Sandbox, Selection};
pub use own_program::OwnProgramError;
pub use pack::{WORD_LAYOUT, pack};
pub use rerun::Rerun;
pub use session::Session;
pub use settings::{Compile, MODULE_MAX, Rates, Settings, Shape};
pub use state::{LogLevel, LogLine};
pub use supervisor::{Report, SkippedFile, Supervisor, Unjudged, WatchKind, Who};
