//! JSON bodies of requests. A body is received as it is and parsed by its handler, after the check of the caller's
//! role. The body of a restricting action is only a note: it is read after the action.

use crate::problem::ProblemResponse;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use futures_util::StreamExt;
use model::event::REASON_MAX;
use readmodel::views::{
    AcknowledgeBody, ArmBody, AssignBody, ClaimBody, LockBody, Login, ParametersBody, RestrictionBody, SettingBody,
    TokenBody, TransferBody, VersionBody,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::time::timeout;

/// The largest request body.
pub(crate) const BODY_MAX: usize = 64 * 1024;
/// The longest time for a request body to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// The longest time for a file to arrive.
const FILE_WITHIN: Duration = Duration::from_secs(60);
/// The longest time for a note to arrive; the part received by then is the note.
const NOTE_WITHIN: Duration = Duration::from_millis(500);
/// The most bytes of a note that are parsed. The rest is read and dropped, so that the sender receives the answer.
const NOTE_MAX: usize = 64 * 1024;
/// The most bytes of a note that are read.
const NOTE_READ_MAX: usize = 1024 * 1024;

/// The fields that the body of every action may have.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ReasonAndUser {
    #[serde(default)]
    pub(crate) reason: String,
    /// The user on whose behalf the request is made, as claimed by the caller; the token identifies the caller.
    #[serde(default)]
    pub(crate) user: String,
}

/// The fields of a JSON body.
pub(crate) trait Fields: DeserializeOwned {
    /// The field names as shown in errors.
    const NAMES: &'static str;
}

impl Fields for ReasonAndUser {
    const NAMES: &'static str = "`reason` and `user`";
}

impl Fields for AcknowledgeBody {
    const NAMES: &'static str = "`for_s` and `reason`";
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

impl Fields for LockBody {
    const NAMES: &'static str = "`seconds` and `reason`";
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

impl Fields for TokenBody {
    const NAMES: &'static str = "`name`, `role`, `expires_in_s` and `reason`";
}

impl Fields for TransferBody {
    const NAMES: &'static str = "`kind`, `amount_usd` and `reason`";
}

impl Fields for VersionBody {
    const NAMES: &'static str = "`hash` and `reason`";
}

/// The body of a request as a JSON object with the fields of `T`. The content type is ignored, and an empty body is an
/// object without fields: the default of `T`, unless a field has none.
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
    /// Reads the fields that every action may have, in addition to those of `T`.
    pub(crate) fn reason_and_user(&self) -> Result<ReasonAndUser, ProblemResponse> {
        read(&self.bytes)
    }
}

/// The value of a limit only: the claimed user is a note, whose form does not matter.
#[derive(Debug, Deserialize)]
struct SettingValue {
    value: serde_json::Value,
}

impl Fields for SettingValue {
    const NAMES: &'static str = SettingBody::NAMES;
}

impl ActionBody<SettingBody> {
    /// Reads the value of a limit, and the claimed user if it is a text.
    pub(crate) fn read_setting(&self) -> Result<SettingBody, ProblemResponse> {
        let SettingValue { value } = read(&self.bytes)?;
        let user = self.read().map(|parsed| plain(&parsed.user)).unwrap_or_default();
        Ok(SettingBody { value, user })
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
    /// The error for a body that is too large or does not arrive.
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        arrived(request, state, BODY_WITHIN).await.map(Self::from)
    }
}

/// The body of a request that is a file.
#[derive(Debug)]
pub(crate) struct FileBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for FileBody {
    /// The error for a body that is too large or does not arrive.
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        arrived(request, state, FILE_WITHIN).await.map(Self)
    }
}

/// Reads a complete body, within the time limit.
async fn arrived(request: Request, state: &(impl Send + Sync), time: Duration) -> Result<Bytes, ProblemResponse> {
    match timeout(time, Bytes::from_request(request, state)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(refused)) => Err(ProblemResponse::new(refused.status(), refused.body_text())),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", time.as_secs());
            Err(ProblemResponse::new(StatusCode::REQUEST_TIMEOUT, detail))
        }
    }
}

/// Reads the note of an action already executed, of any content, within the limits on bytes and time.
pub(crate) async fn read_note(body: Body) -> ReasonAndUser {
    let mut bytes = Vec::new();
    let reading = async {
        let (mut pieces, mut read) = (body.into_data_stream(), 0usize);
        while let Some(Ok(piece)) = pieces.next().await {
            let room = NOTE_MAX.saturating_sub(bytes.len());
            bytes.extend(piece.iter().take(room));
            read = read.saturating_add(piece.len());
            if read > NOTE_READ_MAX {
                return;
            }
        }
    };
    if timeout(NOTE_WITHIN, reading).await.is_err() {
        tracing::debug!("note truncated; its end did not arrive");
    }
    parse_note(&bytes)
}

/// Returns the fields of a note that is a JSON object, or else its text.
fn parse_note(bytes: &[u8]) -> ReasonAndUser {
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(bytes) {
        let text = |name: &str| fields.get(name).and_then(serde_json::Value::as_str).map(plain).unwrap_or_default();
        return ReasonAndUser { reason: text("reason"), user: text("user") };
    }
    ReasonAndUser { reason: plain(&String::from_utf8_lossy(bytes)), user: String::new() }
}

/// Returns true if a text has a character that is neither a space nor a control character.
pub(crate) fn says_something(text: &str) -> bool {
    text.chars().any(|c| !c.is_control() && !c.is_whitespace())
}

/// Returns the beginning of a text as one line: a database may refuse a NUL, and a log entry must be one line.
pub(crate) fn plain(text: &str) -> String {
    let mut text: String = text.chars().take(REASON_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.truncate(text.floor_char_boundary(REASON_MAX));
    text.trim().to_owned()
}
