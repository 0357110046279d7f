//! Who trades here through the API. An address that makes its first key is new: it gets play money and all approvals.

use super::Inside;
use crate::http::Fail;
use crate::keys::{ApiKey, Holder, Others};
use model::Usd;
use order::Address;
use sim::AccountId;
use std::collections::BTreeMap;

/// What a new address gets.
const WELCOME: Usd = Usd::dollars(10_000);

/// One trader.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The key that owns its orders: the first one.
    pub(super) key: String,
    /// The address that its orders name as maker: the signer's own, or the wallet that its first order named.
    pub(super) funder: Address,
    /// Whether an order has named the maker yet.
    bound: bool,
}

/// All traders.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_account: BTreeMap<AccountId, Member>,
    by_address: BTreeMap<Address, AccountId>,
}

impl Members {
    pub(super) fn get(&self, account: AccountId) -> Option<&Member> {
        self.by_account.get(&account)
    }

    /// Returns the account of a wallet, or of the key that trades for it.
    pub(super) fn of(&self, address: Address) -> Option<AccountId> {
        let wallet = self.by_account.iter().find(|(_, member)| member.funder == address).map(|(account, _)| *account);
        wallet.or_else(|| self.by_address.get(&address).copied())
    }

    /// Returns all traders.
    pub(super) fn all(&self) -> impl Iterator<Item = (AccountId, &Member)> {
        self.by_account.iter().map(|(account, member)| (*account, member))
    }

    /// Takes the maker that an account's first order names as its wallet; later orders must name the same.
    pub(super) fn bind(&mut self, caller: &Holder, maker: Address) -> Result<(), Fail> {
        let member = self.by_account.get_mut(&caller.account).ok_or(Fail::UNAUTHORIZED)?;
        if !member.bound {
            member.bound = true;
            member.funder = maker;
        }
        if member.funder == maker {
            return Ok(());
        }
        Err(Fail::bad("maker address not allowed, please use the deposit wallet flow"))
    }
}

impl Inside {
    /// Makes the key of an address; none if it exists or there is no room.
    pub(crate) fn create_key(&mut self, address: Address, nonce: u64) -> Option<ApiKey> {
        let key = self.keys.derive(address, nonce);
        if self.keys.holder(&key.id).is_some() || self.keys.is_full() {
            return None;
        }
        let account = match self.members.by_address.get(&address) {
            Some(account) => *account,
            None => {
                let account = self.venue.open_account(WELCOME).ok()?;
                self.members.by_address.insert(address, account);
                let member = Member { key: key.id.clone(), funder: address, bound: false };
                self.members.by_account.insert(account, member);
                account
            }
        };
        self.keys.insert(Holder { key: key.clone(), address, account });
        Some(key)
    }

    /// Returns the key of an address if it was made.
    pub(crate) fn existing_key(&self, address: Address, nonce: u64) -> Option<ApiKey> {
        let key = self.keys.derive(address, nonce);
        self.keys.holder(&key.id).map(|holder| holder.key.clone())
    }

    /// Ends the key that a request was signed with.
    pub(crate) fn delete_key(&mut self, caller: &Holder) {
        self.keys.remove(&caller.key.id);
    }

    /// Returns the caller's keys besides those that trade.
    pub(crate) fn keys_of(&mut self, caller: &Holder) -> &mut Others {
        self.keys.others(caller)
    }

    /// Returns whose three texts these are.
    pub(crate) fn authenticate(&self, key: &ApiKey) -> Option<AccountId> {
        self.keys.authenticate(key).map(|holder| holder.account)
    }
}
