//! The JSON bodies of requests. A body is taken as it comes and read when its handler asks for it: after the checks of the caller's role, and
//! an emergency stop acts whatever it says.

use crate::problem::ProblemResponse;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use readmodel::views::{
    ArmBody, AssignBody, ClaimBody, Login, ParametersBody, RestrictionBody, SettingBody, TransferBody, VersionBody,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// What may stand in the body of every action.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ReasonAndUser {
    #[serde(default)]
    pub(crate) reason: String,
    /// Who the request claims to come from; the token says who it is.
    #[serde(default)]
    pub(crate) user: String,
}

/// The fields of a JSON body.
pub(crate) trait Fields: DeserializeOwned {
    /// Their names as an error gives them.
    const NAMES: &'static str;
}

impl Fields for ReasonAndUser {
    const NAMES: &'static str = "`reason` and `user`";
}

impl Fields for ArmBody {
    const NAMES: &'static str = "`hash`, `budget` and `reason`";
}

impl Fields for AssignBody {
    const NAMES: &'static str = "`token`, `from` and `to`";
}

impl Fields for ClaimBody {
    const NAMES: &'static str = "`kind` and `market`";
}

impl Fields for Login {
    const NAMES: &'static str = "`token`";
}

impl Fields for ParametersBody {
    const NAMES: &'static str = "`parameters`";
}

impl Fields for RestrictionBody {
    const NAMES: &'static str = "`scope` and `restriction`";
}

impl Fields for SettingBody {
    const NAMES: &'static str = "`value` and `user`";
}

impl Fields for TransferBody {
    const NAMES: &'static str = "`kind`, `amount_usd` and `reason`";
}

impl Fields for VersionBody {
    const NAMES: &'static str = "`hash` and `reason`";
}

/// The body of a request as a JSON object with the fields of `T`. Its content type does not matter, and an empty one is an object without
/// fields: the default of `T`, unless a field has none.
#[derive(Debug)]
pub(crate) struct ActionBody<T = ReasonAndUser> {
    bytes: Bytes,
    fields: PhantomData<fn() -> T>,
}

impl ActionBody {
    /// Returns the body of an action without a reason.
    pub(crate) fn empty() -> Self {
        Self::from(Bytes::new())
    }
}

impl<T> ActionBody<T> {
    /// Reads the fields that every action may have, beside those of `T`.
    pub(crate) fn reason_and_user(&self) -> Result<ReasonAndUser, ProblemResponse> {
        read(&self.bytes)
    }
}

impl<T: Fields> ActionBody<T> {
    /// Reads the fields.
    pub(crate) fn read(&self) -> Result<T, ProblemResponse> {
        read(&self.bytes)
    }
}

fn read<T: Fields>(bytes: &[u8]) -> Result<T, ProblemResponse> {
    let text = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(text)
        .map_err(|error| ProblemResponse::bad(format!("expected a JSON object with {}: {error}", T::NAMES)))
}

impl<T> From<Bytes> for ActionBody<T> {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, fields: PhantomData }
    }
}

impl<S: Send + Sync, T> FromRequest<S> for ActionBody<T> {
    /// A body that is too large, or that does not arrive.
    type Rejection = BytesRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        Bytes::from_request(request, state).await.map(Self::from)
    }
}
