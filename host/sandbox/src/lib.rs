//! Sandbox for WebAssembly strategies: loads and checks modules, runs instances under limits, packs events, validates
//! answers. A strategy's output is untrusted: at worst it ends in a [`Fault`], and it never harms the host or another
//! strategy. Start reading in [`Sandbox`], then [`Module`] and [`Instance`].

mod answer;
mod bindings;
mod cache;
mod check;
mod compile;
mod contract;
mod contract_v0_1;
mod fault;
mod grants;
mod guest;
mod instance;
mod module;
mod native;
mod own_events;
mod own_program;
mod pack;
mod platform;
mod replay;
mod session;
mod settings;
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
pub use replay::StrategyReplay;
pub use session::Session;
pub use settings::{Compile, MODULE_MAX, Rates, Settings, Shape};
pub use state::{LogLevel, LogLine};
pub use supervisor::{InstanceId, Report, SkippedFile, Supervisor, Unjudged, WatchKind};
