//! A strategy's exports. The rest of this crate knows the newest contract only; the data of an older module is
//! converted here.

use crate::bindings::polytrader::strategy::types;
use crate::bindings::{Strategy, since_0_1};
use crate::contract::Contract;
use crate::contract_v0_1;
use crate::state::State;
use wasmtime::component::{Component, Linker};
use wasmtime::{Result, Store};

/// The exports of an instance.
pub(crate) enum Guest {
    Newest(Strategy),
    Since01(since_0_1::Strategy),
}

impl Guest {
    pub(crate) fn instantiate(
        contract: Contract,
        store: &mut Store<State>,
        component: &Component,
        linker: &Linker<State>,
    ) -> Result<Self> {
        // Both contracts import only the function `log`, which is the same in both; the other import has types only.
        match contract {
            Contract::V0_2 => Strategy::instantiate(store, component, linker).map(Self::Newest),
            Contract::V0_1 => since_0_1::Strategy::instantiate(store, component, linker).map(Self::Since01),
        }
    }

    pub(crate) fn call_describe(&self, store: &mut Store<State>) -> Result<types::Manifest> {
        match self {
            Self::Newest(strategy) => strategy.call_describe(store),
            Self::Since01(strategy) => strategy.call_describe(store).map(contract_v0_1::manifest),
        }
    }

    pub(crate) fn call_start(
        &self,
        store: &mut Store<State>,
        session: &types::Session,
    ) -> Result<std::result::Result<(), String>> {
        match self {
            Self::Newest(strategy) => strategy.call_start(store, session),
            Self::Since01(strategy) => strategy.call_start(store, &contract_v0_1::session(session)),
        }
    }

    pub(crate) fn call_on_events(&self, store: &mut Store<State>, batch: &types::Batch) -> Result<types::Reaction> {
        match self {
            Self::Newest(strategy) => strategy.call_on_events(store, batch),
            Self::Since01(strategy) => {
                strategy.call_on_events(store, &contract_v0_1::batch(batch)).map(contract_v0_1::reaction)
            }
        }
    }

    pub(crate) fn call_save(&self, store: &mut Store<State>) -> Result<Vec<u8>> {
        match self {
            Self::Newest(strategy) => strategy.call_save(store),
            Self::Since01(strategy) => strategy.call_save(store),
        }
    }
}
