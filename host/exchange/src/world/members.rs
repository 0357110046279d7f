//! Who trades here through the API. An address that makes its first key is new: it gets play money and all approvals.

use super::Inside;
use crate::fail::Fail;
use crate::keys::{ApiKey, Holder, Others, Request};
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
        self.by_account.get(&caller.account).ok_or(Fail::UNAUTHORIZED)?;
        if self.bind_wallet(caller.account, maker) {
            return Ok(());
        }
        Err(Fail::bad("maker address not allowed, please use the deposit wallet flow"))
    }

    /// Takes the first wallet that is named as an account's; false if it has another one.
    pub(super) fn bind_wallet(&mut self, account: AccountId, wallet: Address) -> bool {
        let Some(member) = self.by_account.get_mut(&account) else { return false };
        if !member.bound {
            member.bound = true;
            member.funder = wallet;
        }
        member.funder == wallet
    }

    /// Returns the account of a key.
    pub(super) fn of_key(&self, key: Address) -> Option<AccountId> {
        self.by_address.get(&key).copied()
    }

    /// Says whether somebody trades for a wallet.
    pub(super) fn has_wallet(&self, wallet: Address) -> bool {
        self.by_account.values().any(|member| member.funder == wallet)
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

    /// Says whether a request may use the relayer.
    pub(crate) fn may_relay(&self, request: &Request<'_>) -> bool {
        self.keys.may_relay(self.now, request)
    }

    /// Returns whose three texts these are.
    pub(crate) fn authenticate(&self, key: &ApiKey) -> Option<AccountId> {
        self.keys.authenticate(key).map(|holder| holder.account)
    }
}
