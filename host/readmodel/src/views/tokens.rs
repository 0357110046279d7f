//! API tokens.

use super::RoleView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token, without its secret: `GET /v1/tokens`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiTokenView {
    /// The name, which the audit records for actions with this token.
    pub name: String,
    pub role: RoleView,
    pub created_at_ms: u64,
    /// The expiry; `null` if it does not expire.
    pub expires_at_ms: Option<u64>,
    /// True if it is the `admin.token` of a data folder.
    pub of_folder: bool,
}

/// The body of `POST /v1/tokens`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// 1 to 64 letters, digits, `-`, `_` or `.`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub name: String,
    /// `viewer`, `trader` or `admin`.
    #[schema(value_type = RoleView)]
    pub role: String,
    /// Seconds until it expires, at most ten years. It does not expire if omitted.
    #[serde(default, deserialize_with = "super::whole::optional")]
    #[schema(minimum = 1, maximum = 315_619_200)]
    pub expires_in_s: Option<u64>,
    #[serde(default)]
    pub reason: String,
    /// The user on whose behalf the request is made, as claimed by the caller; the token identifies the caller.
    #[serde(default)]
    pub user: String,
}

/// The answer to `POST /v1/tokens`.
#[derive(Clone, Serialize, ToSchema)]
pub struct NewTokenView {
    pub name: String,
    pub role: RoleView,
    /// The token; this is its only copy.
    pub token: String,
    /// The expiry; `null` if it does not expire.
    pub expires_at_ms: Option<u64>,
}

impl std::fmt::Debug for NewTokenView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewTokenView").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// The answer to `POST /v1/session/codes`: a link that logs in once.
#[derive(Clone, Serialize, ToSchema)]
pub struct LoginLinkView {
    /// The path on the dashboard's address.
    pub path: String,
}

impl std::fmt::Debug for LoginLinkView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginLinkView").finish_non_exhaustive()
    }
}
