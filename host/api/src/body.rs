//! The JSON bodies of requests. A body is taken as it comes and parsed when its handler asks for it, after the checks of the caller's role.
//! The body of what makes the host do less is only a note: it is read when that is done.

use crate::problem::ProblemResponse;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use futures_util::StreamExt;
use model::event::REASON_MAX;
use readmodel::views::{
    ArmBody, AssignBody, ClaimBody, Login, ParametersBody, RestrictionBody, SettingBody, TokenBody, TransferBody,
    VersionBody,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::time::timeout;

/// How long the body of a request may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How long a file may take to arrive.
const FILE_WITHIN: Duration = Duration::from_secs(60);
/// How long a note may take to arrive. What is there by then is the note.
const NOTE_WITHIN: Duration = Duration::from_millis(500);
/// The bytes of a note that are parsed. What follows is read and dropped, so that the sender gets to the answer.
const NOTE_MAX: usize = 64 * 1024;
/// The bytes of a note that are read at most.
const NOTE_READ_MAX: usize = 1024 * 1024;

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

impl Fields for TokenBody {
    const NAMES: &'static str = "`name`, `role`, `expires_in_s` and `reason`";
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

/// The value of a limit alone: who it is claimed to come from is a note, whose form matters to nothing.
#[derive(Debug, Deserialize)]
struct SettingValue {
    value: serde_json::Value,
}

impl Fields for SettingValue {
    const NAMES: &'static str = SettingBody::NAMES;
}

impl ActionBody<SettingBody> {
    /// Reads the value of a limit, and who it is claimed to come from if that is a text.
    pub(crate) fn read_setting(&self) -> Result<SettingBody, ProblemResponse> {
        let SettingValue { value } = read(&self.bytes)?;
        let user = self.read().map(|said| plain(&said.user)).unwrap_or_default();
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
    /// A body that is too large, or that does not arrive.
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        arrived(request, state, BODY_WITHIN).await.map(Self::from)
    }
}

/// The body of a request that is a file.
#[derive(Debug)]
pub(crate) struct FileBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for FileBody {
    /// A body that is too large, or that does not arrive.
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        arrived(request, state, FILE_WITHIN).await.map(Self)
    }
}

/// Reads a whole body, for at most so long.
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

/// Reads the note that came with what is done already: at most so many bytes, for at most so long, whatever they are.
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
        tracing::debug!("note cut off; its end did not arrive");
    }
    note(&bytes)
}

/// Returns what a note says: its fields if it is a JSON object, or else its text.
fn note(bytes: &[u8]) -> ReasonAndUser {
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(bytes) {
        let text = |name: &str| fields.get(name).and_then(serde_json::Value::as_str).map(plain).unwrap_or_default();
        return ReasonAndUser { reason: text("reason"), user: text("user") };
    }
    ReasonAndUser { reason: plain(&String::from_utf8_lossy(bytes)), user: String::new() }
}

/// Returns the beginning of a text as one line: a database may refuse a NUL, and a line of a log is one line.
pub(crate) fn plain(text: &str) -> String {
    let mut text: String = text.chars().take(REASON_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.truncate(text.floor_char_boundary(REASON_MAX));
    text.trim().to_owned()
}
