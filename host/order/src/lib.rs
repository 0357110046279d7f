//! The venue's orders: amounts and rounding, EIP-712 hashes, order ids and signatures of CLOB V2 (PROTOCOL 1.3, 2.1, 4
//! and 5). Pure and `no_std`: no IO, clock or randomness; salt, time and key are arguments. It never logs or prints a
//! key. Start reading in [`order`], then [`amounts`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod action;
pub mod address;
pub mod amounts;
pub mod batch;
pub mod calls;
pub mod contracts;
pub mod eip712;
pub mod order;
pub mod signing;
mod wallets;
mod wrapped;

pub use action::{Action, Holding, Operator};
pub use address::Address;
pub use amounts::{AmountError, Amounts};
pub use batch::Batch;
pub use calls::{Call, Claim};
pub use contracts::{Chain, Exchange};
pub use eip712::{Domain, Domains};
pub use order::{Account, BuildError, OrderTerms, SignatureType, SignedOrder, UnsignedOrder};
pub use signing::{KeyError, Signature65, SigningKey, recover};
pub use wallets::Wallet;
