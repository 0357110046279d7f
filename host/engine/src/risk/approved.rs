//! The proof that the gate was passed.

use core::hash::{Hash, Hasher};
use model::{NewOrder, Seq, SessionId, Time};

/// A value that passed the risk gate. Only the gate can make one: the fields are private and there is no `Clone`,
/// `Default`, `From` or deserializer.
///
/// ```compile_fail
/// let forged = engine::Approved { item: (), session: Default::default() };
/// ```
///
/// ```compile_fail
/// fn twice(approved: engine::Approved<engine::Placement>) {
///     let copy = approved.clone();
/// }
/// ```
#[derive(Debug)]
#[must_use = "an approved order that is dropped keeps its cost reserved for ever"]
pub struct Approved<T> {
    item: T,
    session: SessionId,
    cause: Seq,
    expires: Time,
    signs: bool,
}

/// An order with what makes its id at the venue: salt and creation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Placement {
    /// The order.
    pub order: NewOrder,
    /// Below 2^53, for it travels as a JSON number.
    pub salt: u64,
    /// Milliseconds since the epoch; makes the signed order unique.
    pub timestamp_ms: u64,
}

/// For the digest of a step: what was approved, not for whom. A rehearsal comes to the same.
impl<T: Hash> Hash for Approved<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { item, session, cause, expires, signs: _ } = self;
        (item, session, cause, expires).hash(state);
    }
}

impl<T> Approved<T> {
    pub(crate) const fn new(item: T, session: SessionId, cause: Seq, expires: Time, signs: bool) -> Self {
        Self { item, session, cause, expires, signs }
    }

    /// Returns what was approved.
    pub const fn item(&self) -> &T {
        &self.item
    }

    /// Returns the session that it was approved in.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Returns the input that caused it. The journal must be synced up to here before the order leaves.
    pub const fn cause(&self) -> Seq {
        self.cause
    }

    /// Returns the moment after which it must not leave any more and is to be gated again.
    pub const fn expires(&self) -> Time {
        self.expires
    }

    /// Says whether a signer may sign it: false in backtests, replays and self-tests.
    pub const fn signs(&self) -> bool {
        self.signs
    }
}
