//! Restrictions set by operators, and transfers that they book.

use super::bot::Action;
use crate::auth::Role;
use crate::body::{ActionBody, says_something};
use crate::decimals::{dollars, shares};
use crate::guard::Caller;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use crate::tightening::{Stopped, Tightening, stopped};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use model::input::{Command, Restriction, Scope};
use model::{Transfer, TransferKind, Usd};
use readmodel::views::{BotView, RestrictionBody, StoppedView, TransferBody};

/// Restricts the session, a market or a strategy until the restriction is changed; `none` lifts it.
///
/// Requires the trader role.
#[utoipa::path(put, path = "/v1/admin/restrictions", tag = "bot", request_body = RestrictionBody, responses((status = 200, body = StoppedView), (status = 400), (status = 404), (status = 409), (status = 503)))]
pub(crate) async fn restrict(
    State(app): State<AppState>,
    caller: Caller,
    body: ActionBody<RestrictionBody>,
) -> Stopped {
    caller.must_be(Role::Trader)?;
    let request = body.read()?;
    let has_form =
        request.scope == "session" || ["market:", "strategy:"].iter().any(|kind| request.scope.starts_with(kind));
    if !has_form {
        return Err(ProblemResponse::bad(format!(
            "`{}` is not a scope; expected session, market:SLUG or strategy:NAME",
            request.scope
        )));
    }
    let known = Restriction::parse(&request.restriction).filter(|restriction| *restriction != Restriction::Halted);
    let restriction = known.ok_or_else(|| {
        ProblemResponse::bad(format!(
            "`{}` is not a restriction; expected none, reduce_only or cancel_only",
            request.restriction
        ))
    })?;
    let scope = app.picture.scope(&request.scope);
    let scope = scope.ok_or_else(|| ProblemResponse::not_found(format!("there is no `{}`", request.scope)))?;
    let name = format!("restrictions/{}/{}", request.scope, request.restriction);
    let command = Command::Restrict { scope, restriction };
    if restriction != Restriction::None {
        let durable = Tightening::new(&app, &caller, name).command(command, Body::empty()).await?;
        return Ok(stopped(&app, durable));
    }
    Action::new(&app, &caller, name, &ActionBody::empty())?.permit(command).await?;
    Ok(stopped(&app, true))
}

/// Books money or shares that moved without a trade, so that they count neither as P&L nor as a mismatch.
///
/// Requires the admin role and a reason.
#[utoipa::path(post, path = "/v1/admin/transfers", tag = "bot", request_body = TransferBody, responses((status = 200, body = BotView), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn transfer(
    State(app): State<AppState>,
    caller: Caller,
    body: ActionBody<TransferBody>,
) -> Result<Json<BotView>, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    let request = body.read()?;
    let kind = kind_of(&app, &request)?;
    if !says_something(&request.reason) {
        return Err(ProblemResponse::bad("a transfer needs a reason, such as the transaction"));
    }
    let about =
        format!("{} {} {}{}", request.amount_usd, request.shares, request.market, request.token).trim().to_owned();
    let mut reference = request.reason;
    reference.truncate(reference.floor_char_boundary(model::event::REASON_MAX));
    let action = Action::new(&app, &caller, format!("transfers/{}", request.kind), &body)?.about(&about);
    action.permitted(app.control.transfer(Transfer { kind, reference })).await?;
    Ok(Json(app.picture.bot()))
}

/// Reads the kind and amounts of a transfer.
fn kind_of(app: &AppState, request: &TransferBody) -> Result<TransferKind, ProblemResponse> {
    let amount = || {
        dollars(&request.amount_usd).filter(|amount| *amount > Usd::ZERO).ok_or_else(|| {
            ProblemResponse::bad(format!(
                "`{}` is not an amount; expected dollars above 0, such as 12.5",
                request.amount_usd
            ))
        })
    };
    let paid = || {
        dollars(&request.amount_usd).ok_or_else(|| {
            ProblemResponse::bad(format!(
                "`{}` is not an amount; expected the dollars paid, such as 12.5 or 0",
                request.amount_usd
            ))
        })
    };
    let size = || shares(&request.shares);
    let market = || {
        let known = app.picture.scope(&format!("market:{}", request.market));
        match known {
            Some(Scope::Market(market)) => Ok(market),
            _ => Err(ProblemResponse::not_found(format!(
                "`{}` is not a known market; expected its slug",
                request.market
            ))),
        }
    };
    let token = || {
        let known = app.picture.token(&request.token);
        known.ok_or_else(|| ProblemResponse::not_found(format!("no known market has the token `{}`", request.token)))
    };
    Ok(match request.kind.as_str() {
        "deposit" => TransferKind::Deposit(amount()?),
        "withdrawal" => TransferKind::Withdrawal(amount()?),
        "reward" => TransferKind::Reward(amount()?),
        "rebate" => TransferKind::Rebate(amount()?),
        "gas" => TransferKind::Gas(amount()?),
        "split" => TransferKind::Split { size: size()?, market: market()? },
        "merge" => TransferKind::Merge { size: size()?, market: market()? },
        "redeem" => TransferKind::Redeem { size: size()?, paid: paid()?, token: token()? },
        "convert" => TransferKind::Convert { size: size()?, paid: paid()?, token: token()? },
        other => {
            let known = "deposit, withdrawal, reward, rebate, gas, split, merge, redeem or convert";
            return Err(ProblemResponse::bad(format!("`{other}` is not a kind of transfer; expected {known}")));
        }
    })
}
