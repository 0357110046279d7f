//! Signals from outside to a strategy.

use super::bot::{Action, TAKEN};
use crate::auth::Role;
use crate::body::{ActionBody, Fields};
use crate::guard::Caller;
use crate::params::Path;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use model::Signal;
use model::event::{SIGNAL_NAME_MAX, SIGNAL_VALUE_MAX};
use model::input::Scope;
use serde::Deserialize;
use utoipa::ToSchema;

/// The body of `POST /v1/strategies/{name}/signal`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct SignalBody {
    /// The subject: 1 to 64 printable ASCII characters.
    #[schema(pattern = "^[ -~]{1,64}$")]
    pub(crate) name: String,
    /// The value, at most 16 KiB of UTF-8, in a format agreed between the strategy and the sender.
    pub(crate) value: String,
}

impl Fields for SignalBody {
    const NAMES: &'static str = "`name` and `value`";
}

/// Sends a signal to a running strategy.
///
/// The signal is journaled like all other inputs of strategies, so that replays receive it too. Requires the trader
/// role.
#[utoipa::path(post, path = "/v1/strategies/{name}/signal", tag = "trading", params(("name" = String, Path, description = "the strategy")), request_body = SignalBody, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn signal(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<SignalBody>,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let request = body.read()?;
    let is_name = (1..=SIGNAL_NAME_MAX).contains(&request.name.len());
    if !is_name || !request.name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        let length = request.name.len();
        return Err(ProblemResponse::bad(format!(
            "`name` has {length} bytes; expected 1 to {SIGNAL_NAME_MAX} printable ASCII characters"
        )));
    }
    if request.value.len() > SIGNAL_VALUE_MAX {
        let length = request.value.len();
        return Err(ProblemResponse::bad(format!("`value` has {length} bytes; expected at most {SIGNAL_VALUE_MAX}")));
    }
    let Some(Scope::Strategy(strategy)) = app.picture.scope(&format!("strategy:{name}")) else {
        return Err(ProblemResponse::not_found(format!("there is no strategy `{name}`")));
    };
    let action = Action::new(&app, &caller, format!("strategies/{name}/signal"), &body)?.about(&request.name);
    let signal = Signal { name: request.name, value: request.value };
    action.permitted(app.control.signal(strategy, signal)).await?;
    Ok(TAKEN)
}
