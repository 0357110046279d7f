//! How long texts and lists of an input may be. The journal reads nothing longer, so whatever comes from outside is cut or refused by
//! these where it comes in.

/// The most bytes of a text.
pub const TEXT_MAX: usize = 64 * 1024;
/// The most entries of a list.
pub const LIST_MAX: usize = 65_536;
/// The most bytes of a strategy's saved state.
pub const BLOB_MAX: usize = 2 * 1024 * 1024;
/// The most bytes of a strategy's parameters, as JSON.
pub const PARAMETERS_MAX: usize = TEXT_MAX;
/// The most bytes of a market's slug. A longer one names another market once it is cut, so such a market is left out.
pub const SLUG_MAX: usize = 256;
/// The most bytes of a market's question that are kept.
pub const QUESTION_MAX: usize = 1_024;
/// The most bytes of an outcome's name that are kept.
pub const OUTCOME_MAX: usize = 256;
