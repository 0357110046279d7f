//! The wallets that belong to a key (PROTOCOL 3): their addresses derive from it, so an account's wallet type is found
//! by comparing them with the address that holds its funds.

use crate::address::Address;
use crate::eip712::keccak;
use crate::order::SignatureType;
use alloc::vec::Vec;
use core::fmt;
use hex_literal::hex;

const SAFE_FACTORY: Address = Address(hex!("aacFeEa03eb1561C4e67d661e40682Bd20E3541b"));
const SAFE_INIT_HASH: [u8; 32] = hex!("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf");
const PROXY_FACTORY: Address = Address(hex!("aB45c5A4B0c941a2F231C04C3f49182e1A254052"));
const PROXY_INIT_HASH: [u8; 32] = hex!("d21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b");
const DEPOSIT_FACTORY: Address = Address(hex!("00000000000Fb5C9ADea0298D729A0CB3823Cc07"));
/// Bytecode of a beacon proxy: a head with the length of the rest, the beacon, a body.
const BEACON_HEAD: [u8; 10] = hex!("6100523D8160233D3973");
const BEACON: Address = Address(hex!("7A18EDfe055488A3128f01F563e5B479D92ffc3a"));
const BEACON_BODY: &[u8] = &hex!(
    "60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
);
/// Bytecode of an upgradable proxy, as used by early wallets.
const UUPS_HEAD: [u8; 10] = hex!("61003D3D8160233D3973");
const UUPS: Address = Address(hex!("58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"));
const UUPS_BODY: &[u8] = &hex!(
    "6009"
    "5155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
    "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
);

/// A type of wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wallet {
    /// The key's own address.
    Key,
    /// The proxy of an account created with an e-mail address.
    Proxy,
    /// A Safe.
    Safe,
    /// A deposit wallet, the default of new accounts since May 2026.
    Deposit,
    /// A deposit wallet created in the first weeks.
    EarlyDeposit,
}

impl Wallet {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Key, Self::Proxy, Self::Safe, Self::Deposit, Self::EarlyDeposit];

    /// Returns the address of this type of wallet that belongs to a key.
    pub fn of(self, key: Address) -> Address {
        match self {
            Self::Key => key,
            Self::Safe => create2(SAFE_FACTORY, keccak(&key.word()), SAFE_INIT_HASH),
            Self::Proxy => create2(PROXY_FACTORY, keccak(&key.0), PROXY_INIT_HASH),
            Self::Deposit => deposit(key, BEACON_HEAD, BEACON, BEACON_BODY),
            Self::EarlyDeposit => deposit(key, UUPS_HEAD, UUPS, UUPS_BODY),
        }
    }

    /// Returns the type of the wallet `funder` of a key; `None` if it is not a wallet of that key.
    pub fn find(key: Address, funder: Address) -> Option<Self> {
        Self::ALL.into_iter().find(|wallet| wallet.of(key) == funder)
    }

    /// Returns the signature type of orders of such a wallet.
    pub const fn signature_type(self) -> SignatureType {
        match self {
            Self::Key => SignatureType::Eoa,
            Self::Proxy => SignatureType::Proxy,
            Self::Safe => SignatureType::Safe,
            Self::Deposit | Self::EarlyDeposit => SignatureType::Deposit,
        }
    }
}

impl fmt::Display for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "the key's own address (signature type 0)",
            Self::Proxy => "a proxy of an e-mail account (signature type 1)",
            Self::Safe => "a Safe (signature type 2)",
            Self::Deposit => "a deposit wallet (signature type 3)",
            Self::EarlyDeposit => "an early deposit wallet (signature type 3)",
        })
    }
}

/// Returns the address at which a factory creates a contract (EIP-1014).
fn create2(factory: Address, salt: [u8; 32], init_hash: [u8; 32]) -> Address {
    Address::at_end_of(&keccak(&[&[0xff], factory.0.as_slice(), &salt, &init_hash].concat()))
}

/// Returns the address of a deposit wallet, whose code is followed by its arguments: the factory, and the key's address
/// as a word.
fn deposit(key: Address, head: [u8; 10], target: Address, body: &[u8]) -> Address {
    let arguments = [DEPOSIT_FACTORY.word(), key.word()].concat();
    let mut code: Vec<u8> = head.into();
    // The second and third byte are the length of code and arguments.
    let length = u16::from_be_bytes([0, code.get(2).copied().unwrap_or(0)]);
    let length = length.saturating_add(u16::try_from(arguments.len()).unwrap_or(u16::MAX));
    for (place, byte) in code.iter_mut().skip(1).zip(length.to_be_bytes()) {
        *place = byte;
    }
    code.extend(target.0);
    code.extend(body);
    code.extend(&arguments);
    create2(DEPOSIT_FACTORY, keccak(&arguments), keccak(&code))
}
