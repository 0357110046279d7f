//! Limits on the length of texts and lists in an input. The journal reads nothing longer, so data from outside is cut
//! or refused by these limits on entry.

/// The most bytes of a text.
pub const TEXT_MAX: usize = 64 * 1024;
/// The most entries of a list.
pub const LIST_MAX: usize = 65_536;
/// The most bytes of a strategy's saved state.
pub const BLOB_MAX: usize = 2 * 1024 * 1024;
/// The most bytes of a strategy's parameters, as JSON.
pub const PARAMETERS_MAX: usize = TEXT_MAX;
/// The most bytes of a market's slug. Cutting a longer slug would name a different market, so such a market is skipped.
pub const SLUG_MAX: usize = 256;
/// The most bytes of a market's question that are kept.
pub const QUESTION_MAX: usize = 1_024;
/// The most bytes of an outcome's name that are kept.
pub const OUTCOME_MAX: usize = 256;
