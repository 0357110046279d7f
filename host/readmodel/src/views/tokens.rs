//! Tokens of the API.

use super::RoleView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token, without the token itself: `GET /v1/tokens`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiTokenView {
    /// The audit gives it for what is done with the token.
    pub name: String,
    pub role: RoleView,
    pub created_at_ms: u64,
    /// When it ends; `null` if it does not.
    pub expires_at_ms: Option<u64>,
    /// Whether it is the `admin.token` of a data folder.
    pub of_folder: bool,
}

/// The body of `POST /v1/tokens`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    pub name: String,
    /// `viewer`, `trader` or `admin`.
    pub role: String,
    /// In how many seconds it ends. One that is left out does not end.
    #[serde(default)]
    pub expires_in_s: Option<u64>,
    #[serde(default)]
    pub reason: String,
    /// Who it is claimed to come from; the token says who it is.
    #[serde(default)]
    pub user: String,
}

/// The answer to `POST /v1/tokens`.
#[derive(Clone, Serialize, ToSchema)]
pub struct NewTokenView {
    pub name: String,
    pub role: RoleView,
    /// The token: its only copy.
    pub token: String,
    /// When it ends; `null` if it does not.
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
    /// On the dashboard's address.
    pub path: String,
}

impl std::fmt::Debug for LoginLinkView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginLinkView").finish_non_exhaustive()
    }
}
