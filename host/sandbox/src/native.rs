//! Authentication of native code before it enters this process. Wasmtime runs native code without checking it, so it is
//! only given code with an authentication code that only this host can create.

use crate::fault::{AddressSpace, LoadError, sanitize};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Length of a secret, of an authentication code, and of a module's hash, in bytes.
pub(crate) const LENGTH: usize = 32;

/// The secret key that authenticates native code.
#[derive(Clone)]
pub(crate) struct Secret([u8; LENGTH]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) const fn new(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// Returns a new random secret.
    pub(crate) fn random() -> std::io::Result<Self> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes))
    }

    pub(crate) const fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// Returns the authentication code of `content` for the module `about`.
    pub(crate) fn code(&self, about: &[u8; LENGTH], content: &[u8]) -> [u8; LENGTH] {
        self.mac(about, content).map_or([0; LENGTH], |mac| mac.finalize().into_bytes().into())
    }

    /// Returns whether a code is valid for `content`. Takes constant time.
    pub(crate) fn made(&self, code: &[u8], about: &[u8; LENGTH], content: &[u8]) -> bool {
        self.mac(about, content).is_some_and(|mac| mac.verify_slice(code).is_ok())
    }

    /// Returns the MAC. HMAC accepts keys of any length, so it is never `None`.
    fn mac(&self, about: &[u8; LENGTH], content: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(about);
        mac.update(content);
        Some(mac)
    }
}

/// Native code that is proven to come from this host's compiler. Only [`Authentic::check`] creates one.
pub(crate) struct Authentic {
    bytes: Vec<u8>,
    /// Offset of the code in the bytes.
    at: usize,
}

impl std::fmt::Debug for Authentic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentic").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Authentic {
    /// Accepts `bytes` as native code from offset `at` on, if `code` is valid for everything from offset `from` on.
    pub(crate) fn check(
        secret: &Secret,
        code: &[u8],
        about: &[u8; LENGTH],
        bytes: Vec<u8>,
        from: usize,
        at: usize,
    ) -> Option<Self> {
        let proved = bytes.get(from..).is_some_and(|content| secret.made(code, about, content));
        (proved && at >= from && at <= bytes.len()).then_some(Self { bytes, at })
    }

    pub(crate) fn code(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Loads the code into this process.
    pub(crate) fn component(&self, engine: &Engine) -> Result<Component, LoadError> {
        #[expect(
            unsafe_code,
            reason = "running native code is unsafe by nature; the code was made by our own compiler with Engine::precompile_component, \
                      a code over every byte proves that, and it is copied from memory that nothing else can change"
        )]
        // SAFETY: `self` only exists if its bytes are exactly those that this program's compiler created (see `check`).
        // Wasmtime itself rejects code of another version or with other settings.
        let component = unsafe { Component::deserialize(engine, self.code()) };
        component.map_err(|error| {
            let no_room = AddressSpace::of(&error).map(|error| error.to_string());
            LoadError::Host(no_room.unwrap_or_else(|| sanitize(&format!("{error:#}"))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_secret_made_about_the_same_module_is_authentic() {
        let (secret, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let (about, elsewhere) = ([3; 32], [4; 32]);
        let code = secret.code(&about, b"native");
        let check = |secret: &Secret, code: &[u8], about, content: &[u8]| {
            Authentic::check(secret, code, about, content.to_vec(), 0, 0).is_some()
        };
        assert!(check(&secret, &code, &about, b"native"));
        assert!(!check(&other, &code, &about, b"native"));
        assert!(!check(&secret, &code, &elsewhere, b"native"));
        assert!(!check(&secret, &code, &about, b"nativ3"));
        assert!(!check(&secret, &code[..31], &about, b"native"));
        assert!(!check(&secret, &[], &about, b"native"));
    }
}
