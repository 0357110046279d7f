//! Members: the accounts that trade through the API. An address that creates its first key is new: it gets play money
//! and all approvals.

use super::Inside;
use crate::error::ApiError;
use crate::keys::{ApiKey, Holder, Others, Request};
use model::Usd;
use order::Address;
use sim::AccountId;
use std::collections::BTreeMap;

/// The initial balance of a new address.
const WELCOME: Usd = Usd::dollars(10_000);

/// One trader.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The key that owns its orders: the first one.
    pub(super) key: String,
    /// The address that its orders name as maker: the signer's own, or the wallet named by its first order.
    pub(super) funder: Address,
    /// True once an order has named the maker.
    bound: bool,
}

/// All traders.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    by_account: BTreeMap<AccountId, Account>,
    by_address: BTreeMap<Address, AccountId>,
}

impl Accounts {
    pub(super) fn get(&self, account: AccountId) -> Option<&Account> {
        self.by_account.get(&account)
    }

    /// Returns the account of a wallet, or of the key that trades for it.
    pub(super) fn of(&self, address: Address) -> Option<AccountId> {
        let wallet = self.by_account.iter().find(|(_, member)| member.funder == address).map(|(account, _)| *account);
        wallet.or_else(|| self.by_address.get(&address).copied())
    }

    /// Returns all traders.
    pub(super) fn all(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.by_account.iter().map(|(account, member)| (*account, member))
    }

    /// Binds an account to the wallet that its first order names as maker; later orders must name the same one.
    pub(super) fn bind(&mut self, caller: &Holder, maker: Address) -> Result<(), ApiError> {
        self.by_account.get(&caller.account).ok_or(ApiError::UNAUTHORIZED)?;
        if self.bind_wallet(caller.account, maker) {
            return Ok(());
        }
        Err(ApiError::bad("maker address not allowed, please use the deposit wallet flow"))
    }

    /// Binds an account to the first wallet named for it; false if it has another one.
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

    /// Returns true if a member trades for a wallet.
    pub(super) fn has_wallet(&self, wallet: Address) -> bool {
        self.by_account.values().any(|member| member.funder == wallet)
    }
}

impl Inside {
    /// Creates the key of an address; `None` if it exists or there is no room.
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
                let member = Account { key: key.id.clone(), funder: address, bound: false };
                self.members.by_account.insert(account, member);
                account
            }
        };
        self.keys.insert(Holder { key: key.clone(), address, account });
        Some(key)
    }

    /// Returns the key of an address if it was created.
    pub(crate) fn existing_key(&self, address: Address, nonce: u64) -> Option<ApiKey> {
        let key = self.keys.derive(address, nonce);
        self.keys.holder(&key.id).map(|holder| holder.key.clone())
    }

    /// Deletes the key that a request was signed with.
    pub(crate) fn delete_key(&mut self, caller: &Holder) {
        self.keys.remove(&caller.key.id);
    }

    /// Returns the caller's non-trading keys.
    pub(crate) fn keys_of(&mut self, caller: &Holder) -> &mut Others {
        self.keys.others(caller)
    }

    /// Returns true if a request may use the relayer.
    pub(crate) fn may_relay(&self, request: &Request<'_>) -> bool {
        self.keys.may_relay(self.now, request)
    }

    /// Returns the account of these credentials.
    pub(crate) fn authenticate(&self, key: &ApiKey) -> Option<AccountId> {
        self.keys.authenticate(key).map(|holder| holder.account)
    }
}
