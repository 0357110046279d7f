//! What operators restrict by hand, and money that they book.

use super::bot::Action;
use crate::auth::Role;
use crate::body::ActionBody;
use crate::guard::Caller;
use crate::parts::App;
use crate::problem::ProblemResponse;
use crate::tightening::{Stopped, Tightening, stopped};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use model::input::{Command, Restriction, Scope};
use model::{Size, Transfer, TransferKind, Usd};
use readmodel::views::{BotView, RestrictionBody, StoppedView, TransferBody};

/// Restricts the session, a market or a strategy until it is set to something else; `none` lifts it. Needs a trader.
#[utoipa::path(put, path = "/v1/admin/restrictions", tag = "bot", request_body = RestrictionBody, responses((status = 200, body = StoppedView), (status = 400), (status = 409), (status = 503)))]
pub(crate) async fn restrict(State(app): State<App>, caller: Caller, body: ActionBody<RestrictionBody>) -> Stopped {
    caller.must_be(Role::Trader)?;
    let said = body.read()?;
    let scope = app.picture.scope(&said.scope).ok_or_else(|| {
        ProblemResponse::bad(format!("`{}` is no scope here; write session, market:SLUG or strategy:NAME", said.scope))
    })?;
    let restriction = Restriction::parse(&said.restriction).ok_or_else(|| {
        ProblemResponse::bad(format!(
            "`{}` is no restriction; write none, reduce_only or cancel_only",
            said.restriction
        ))
    })?;
    let name = format!("restrictions/{}/{}", said.scope, said.restriction);
    let command = Command::Restrict { scope, restriction };
    if restriction != Restriction::None {
        let durable = Tightening::new(&app, &caller, name).command(command, Body::empty()).await?;
        return Ok(stopped(&app, durable));
    }
    Action::new(&app, &caller, name, &ActionBody::empty())?.permit(command).await?;
    Ok(stopped(&app, true))
}

/// Books money or shares that moved without a trade, so that it is neither gain nor mismatch. Needs an admin and a reason.
#[utoipa::path(post, path = "/v1/admin/transfers", tag = "bot", request_body = TransferBody, responses((status = 200, body = BotView), (status = 400), (status = 409)))]
pub(crate) async fn transfer(
    State(app): State<App>,
    caller: Caller,
    body: ActionBody<TransferBody>,
) -> Result<Json<BotView>, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    let said = body.read()?;
    let kind = kind_of(&app, &said)?;
    if said.reason.trim().is_empty() {
        return Err(ProblemResponse::bad("a transfer needs a reason: the transaction, or why"));
    }
    let about = format!("{} {} {}{}", said.amount_usd, said.shares, said.market, said.token).trim().to_owned();
    let mut reference = said.reason;
    reference.truncate(reference.floor_char_boundary(model::event::REASON_MAX));
    let action = Action::new(&app, &caller, format!("transfers/{}", said.kind), &body)?.about(&about);
    action.permitted(app.control.transfer(Transfer { kind, reference })).await?;
    Ok(Json(app.picture.bot()))
}

/// Reads what moved.
fn kind_of(app: &App, said: &TransferBody) -> Result<TransferKind, ProblemResponse> {
    let amount = || {
        Usd::parse(&said.amount_usd).filter(|amount| *amount > Usd::ZERO).ok_or_else(|| {
            ProblemResponse::bad(format!("`{}` is no amount; write dollars above zero such as 12.5", said.amount_usd))
        })
    };
    let paid = || {
        Usd::parse(&said.amount_usd).filter(|paid| *paid >= Usd::ZERO).ok_or_else(|| {
            ProblemResponse::bad(format!(
                "`{}` is no amount; write the dollars paid such as 12.5 or 0",
                said.amount_usd
            ))
        })
    };
    let size = || {
        Size::parse(&said.shares).filter(|size| !size.is_zero()).ok_or_else(|| {
            ProblemResponse::bad(format!("`{}` is no number of shares; write one above zero such as 20", said.shares))
        })
    };
    let market = || {
        let known = app.picture.scope(&format!("market:{}", said.market));
        match known {
            Some(Scope::Market(market)) => Ok(market),
            _ => Err(ProblemResponse::bad(format!("`{}` is no market here; write its slug", said.market))),
        }
    };
    let token = || {
        let known = app.picture.token(&said.token);
        known.ok_or_else(|| ProblemResponse::bad(format!("no market here has the token `{}`", said.token)))
    };
    Ok(match said.kind.as_str() {
        "deposit" => TransferKind::Deposit(amount()?),
        "withdrawal" => TransferKind::Withdrawal(amount()?),
        "reward" => TransferKind::Reward(amount()?),
        "rebate" => TransferKind::Rebate(amount()?),
        "gas" => TransferKind::Gas(amount()?),
        "split" => TransferKind::Split { market: market()?, size: size()? },
        "merge" => TransferKind::Merge { market: market()?, size: size()? },
        "redeem" => TransferKind::Redeem { token: token()?, size: size()?, paid: paid()? },
        "convert" => TransferKind::Convert { token: token()?, size: size()?, paid: paid()? },
        other => {
            let known = "deposit, withdrawal, reward, rebate, gas, split, merge, redeem or convert";
            return Err(ProblemResponse::bad(format!("`{other}` is no kind of transfer; write {known}")));
        }
    })
}
