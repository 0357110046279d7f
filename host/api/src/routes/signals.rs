//! Word from outside for one strategy.

use super::bot::{Action, TAKEN};
use crate::auth::Role;
use crate::body::{ActionBody, Fields};
use crate::guard::Caller;
use crate::params::Path;
use crate::parts::App;
use crate::problem::ProblemResponse;
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
    /// What it is about, at most 64 bytes.
    pub(crate) name: String,
    /// What it says, at most 16 KiB; the strategy and the sender agree on its form.
    pub(crate) value: String,
}

impl Fields for SignalBody {
    const NAMES: &'static str = "`name` and `value`";
}

/// Sends word to a strategy that runs. It is journaled as all that strategies hear, so runs from a journal hear it too. Needs a trader.
#[utoipa::path(post, path = "/v1/strategies/{name}/signal", tag = "trading", params(("name" = String, Path, description = "the strategy")), request_body = SignalBody, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn signal(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<SignalBody>,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let said = body.read()?;
    if said.name.is_empty() || said.name.len() > SIGNAL_NAME_MAX {
        let length = said.name.len();
        return Err(ProblemResponse::bad(format!("a name of {length} bytes; write 1 to {SIGNAL_NAME_MAX}")));
    }
    if said.value.len() > SIGNAL_VALUE_MAX {
        let length = said.value.len();
        return Err(ProblemResponse::bad(format!("a value of {length} bytes; write at most {SIGNAL_VALUE_MAX}")));
    }
    let Some(Scope::Strategy(strategy)) = app.picture.scope(&format!("strategy:{name}")) else {
        return Err(ProblemResponse::not_found(format!("there is no strategy `{name}`")));
    };
    let action = Action::new(&app, &caller, format!("strategies/{name}/signal"), &body)?.about(&said.name);
    let signal = Signal { name: said.name, value: said.value };
    action.permitted(app.control.signal(strategy, signal)).await?;
    Ok(TAKEN)
}
