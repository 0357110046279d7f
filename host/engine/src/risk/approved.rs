//! [`Approved`]: the proof that an order passed the gate.

use core::hash::{Hash, Hasher};
use model::{NewOrder, Seq, SessionId, Time};

/// A value that passed the risk gate. Only the gate can create one: the fields are private and there is no `Clone`,
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
#[must_use = "dropping an approved order keeps its cost reserved for ever"]
pub struct Approved<T> {
    item: T,
    session: SessionId,
    cause: Seq,
    expires: Time,
    signs: bool,
}

/// An order with the values that determine its id at the venue: salt and creation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Placement {
    /// The order.
    pub order: NewOrder,
    /// Below 2^53, because it is sent as a JSON number.
    pub salt: u64,
    /// Milliseconds since the epoch; makes the signed order unique.
    pub timestamp_ms: u64,
}

/// For the digest of a step: covers the approved item, not the session or signability, so that a dry run yields the
/// same digest.
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

    /// Returns the approved item.
    pub const fn item(&self) -> &T {
        &self.item
    }

    /// Returns the session in which it was approved.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Returns the input that caused it. The journal must be synced up to this input before the order is sent.
    pub const fn cause(&self) -> Seq {
        self.cause
    }

    /// Returns the time after which it must not be sent any more and has to be gated again.
    pub const fn expires(&self) -> Time {
        self.expires
    }

    /// Returns true if a signer may sign it: false in backtests, replays and self-tests.
    pub const fn signs(&self) -> bool {
        self.signs
    }
}
