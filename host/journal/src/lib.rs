//! The journal's codec.
#![no_std]
