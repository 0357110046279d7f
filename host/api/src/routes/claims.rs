//! Shares that can be redeemed or merged into dollars at the venue's contracts, and the execution of such claims.

use super::bot::{Action, TAKEN};
use crate::auth::Role;
use crate::body::ActionBody;
use crate::decimals::shares;
use crate::guard::Caller;
use crate::page_of::{Page, Plain};
use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use control::ClaimRequest;
use model::{Size, Usd, hex};
use order::{Call, Claim};
use readmodel::views::{
    ClaimBody, ClaimKindView, ClaimRunView, ClaimStateView, ClaimView, OrderView, PositionView, SideView,
};
use store::db::ClaimRow;
use store::db::claims::{CLAIMS_MAX, ClaimKind, ClaimState};

/// The text for a claim that this host can execute.
const HERE: &str = "POST /v1/positions/claims/execute sends it through the venue's relayer";

/// Returns the claims at the venue's contract: pairs of both outcomes, and shares of resolved markets.
///
/// Each has the contract's call, the state of its execution by this host, if any, and otherwise who has to send it.
#[utoipa::path(get, path = "/v1/positions/claims", tag = "trading", responses((status = 200, body = Vec<ClaimView>)))]
pub(crate) async fn claims(State(app): State<AppState>, _: Caller) -> Result<Json<Vec<ClaimView>>, ProblemResponse> {
    Ok(Json(list(&app).await?))
}

/// Returns the redemptions and merges sent through the relayer, newest first.
#[utoipa::path(get, path = "/v1/positions/claims/runs", tag = "trading", params(("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "rows of the page; 100 if absent"), ("before" = Option<String>, Query, description = "start of the page, from the `Link` header of the previous page")), responses((status = 200, body = Vec<ClaimRunView>, headers(("Link" = String, description = "the address of the next page, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn runs(
    State(app): State<AppState>,
    _: Caller,
    page: Page<Plain>,
) -> Result<Response, ProblemResponse> {
    let claims = app.db.claims_before(&app.account, page.before()?, page.rows()).await?;
    let unreadable = usize::try_from(claims.unreadable).unwrap_or(usize::MAX);
    let views = |rows: Vec<ClaimRow>| rows.into_iter().map(run_view).collect();
    Ok(page.respond_with(claims.rows, unreadable, |row| row.created_at_ms, views))
}

/// Redeems the shares of a resolved market, or merges pairs, through the venue's relayer.
///
/// The answer is sent once the claim is queued; its state is in the list. Requires the trader role.
#[utoipa::path(post, path = "/v1/positions/claims/execute", tag = "trading", request_body = ClaimBody, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn execute(
    State(app): State<AppState>,
    caller: Caller,
    body: ActionBody<ClaimBody>,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let request = body.read()?;
    let wanted = wanted(&app, &request, &caller.0.name).await?;
    let about = format!("{} shares", wanted.size);
    let action =
        Action::new(&app, &caller, format!("claims/{}/{}", request.kind, request.market), &body)?.about(&about);
    action.permitted(async { app.control.claim(wanted) }).await?;
    Ok(TAKEN)
}

async fn wanted(app: &AppState, request: &ClaimBody, who: &str) -> Result<ClaimRequest, ProblemResponse> {
    // A text that is not an amount is refused first, whatever there is to claim.
    let asked = Some(request.shares.as_str()).filter(|text| !text.is_empty()).map(shares).transpose()?;
    let all = list(app).await?;
    let kind = ClaimKind::try_from(request.kind.clone()).ok();
    let (size, worth) = all
        .iter()
        .filter(|claim| Some(claim.kind) == kind.map(kind_view) && claim.market == request.market)
        .map(|claim| (Size(claim.size_micros), Usd(claim.worth_micro_usd)))
        .reduce(|(size, worth), (more, paid)| (size.saturating_add(more), worth.saturating_add(paid)))
        .ok_or_else(|| {
            ProblemResponse::not_found(format!("there is no {} of the market `{}`", request.kind, request.market))
        })?;
    let known = app.picture.condition(&request.market);
    let (condition, neg_risk) =
        known.ok_or_else(|| ProblemResponse::not_found(format!("`{}` is not a known market", request.market)))?;
    let (market, who) = (request.market.clone(), who.to_owned());
    if kind != Some(ClaimKind::Merge) {
        return Ok(ClaimRequest { market, condition, neg_risk, claim: Claim::Redeem, size, worth, who });
    }
    let snapshot = app.picture.snapshot();
    let free = free_pairs(&request.market, &snapshot.positions, &snapshot.orders);
    let size = merged(asked, free)?;
    let worth = size.face_value().unwrap_or_default();
    Ok(ClaimRequest { market, condition, neg_risk, claim: Claim::Merge(size), size, worth, who })
}

/// Returns the number of pairs to merge: all that are free, or those asked for.
///
/// # Errors
/// If fewer are free.
fn merged(asked: Option<Size>, free: Size) -> Result<Size, ProblemResponse> {
    let size = asked.unwrap_or(free);
    if size.is_zero() || size > free {
        let text = format!("{size} pairs cannot be merged; {free} are available outside open orders");
        return Err(ProblemResponse::new(StatusCode::CONFLICT, text));
    }
    Ok(size)
}

/// Returns the pairs of a market whose shares are not offered in an open order.
fn free_pairs(market: &str, positions: &[PositionView], orders: &[OrderView]) -> Size {
    let free = |position: &PositionView| {
        let offered = orders.iter().filter(|order| order.token == position.token && order.side == SideView::Sell);
        let offered = offered.map(|order| order.size_micros.saturating_sub(order.filled_micros));
        position.size_micros.saturating_sub(offered.fold(0u64, u64::saturating_add))
    };
    let of: Vec<u64> = positions.iter().filter(|position| position.market == market).map(free).collect();
    if let [first, second] = of[..] { Size(first.min(second)) } else { Size::ZERO }
}

async fn list(app: &AppState) -> Result<Vec<ClaimView>, ProblemResponse> {
    let call = |slug: &str, claim| {
        let (condition, neg_risk) = app.picture.condition(slug)?;
        Call::new(app.chain?, claim, &condition, neg_risk)
    };
    let mut claims = claims_of(&app.picture.snapshot().positions, call);
    let rows = app.db.claims(&app.account, CLAIMS_MAX).await?.rows;
    let closed = app.control.why_no_claims();
    for claim in &mut claims {
        closed.unwrap_or(HERE).clone_into(&mut claim.how);
        // Without a known contract, no claim is sent either.
        claim.executable = closed.is_none() && !claim.to.is_empty();
        if let Some(row) = rows.iter().find(|row| kind_view(row.kind) == claim.kind && row.market == claim.market) {
            claim.state = state_view(row.state);
            claim.state_reason.clone_from(&row.reason);
            claim.transaction.clone_from(&row.transaction_hash);
        }
    }
    Ok(claims)
}

const fn kind_view(kind: ClaimKind) -> ClaimKindView {
    match kind {
        ClaimKind::Redeem => ClaimKindView::Redeem,
        ClaimKind::Merge => ClaimKindView::Merge,
    }
}

const fn state_view(state: ClaimState) -> ClaimStateView {
    match state {
        ClaimState::Signed => ClaimStateView::Signed,
        ClaimState::Sent => ClaimStateView::Sent,
        ClaimState::Unknown => ClaimStateView::Unknown,
        ClaimState::Confirmed => ClaimStateView::Confirmed,
        ClaimState::Used => ClaimStateView::Used,
        ClaimState::Failed => ClaimStateView::Failed,
    }
}

fn run_view(row: ClaimRow) -> ClaimRunView {
    ClaimRunView {
        created_at_ms: row.created_at_ms,
        kind: kind_view(row.kind),
        market: row.market,
        size_micros: row.size_micros,
        worth_micro_usd: row.worth_micro_usd,
        state: state_view(row.state),
        reason: row.reason,
        transaction: row.transaction_hash,
        who: row.who,
        updated_at_ms: row.updated_at_ms,
    }
}

fn claims_of(positions: &[PositionView], call: impl Fn(&str, Claim) -> Option<Call>) -> Vec<ClaimView> {
    let claim = |kind, position: &PositionView, outcome: &str, size_micros: u64, pays: u32| {
        let wanted = match kind {
            ClaimKindView::Merge => Claim::Merge(Size(size_micros)),
            ClaimKindView::Redeem => Claim::Redeem,
        };
        let call = call(&position.market, wanted);
        let data = call.as_ref().map(|call| hex::encode(&call.data));
        let worth = u128::from(size_micros).saturating_mul(u128::from(pays));
        let worth = worth.checked_div(u128::from(model::SCALE)).unwrap_or(0);
        ClaimView {
            kind,
            market: position.market.clone(),
            outcome: outcome.to_owned(),
            size_micros,
            worth_micro_usd: i64::try_from(worth).unwrap_or(i64::MAX),
            to: call.map(|call| call.to.checksummed()).unwrap_or_default(),
            data: data.map(|data| format!("0x{data}")).unwrap_or_default(),
            state: ClaimStateView::Never,
            state_reason: String::new(),
            transaction: String::new(),
            how: String::new(),
            executable: false,
        }
    };
    let mut claims = Vec::new();
    for (place, position) in positions.iter().enumerate() {
        match position.pays_micro_usd {
            Some(pays) if pays > 0 => {
                claims.push(claim(ClaimKindView::Redeem, position, &position.outcome, position.size_micros, pays));
            }
            Some(_) => {}
            None => {
                let mut later = positions.iter().skip(place.saturating_add(1));
                if let Some(other) = later.find(|other| other.market == position.market) {
                    let pairs = position.size_micros.min(other.size_micros);
                    claims.push(claim(ClaimKindView::Merge, position, "", pairs, model::SCALE));
                }
            }
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_free_pairs_are_merged_or_as_many_as_were_asked_for() {
        let free = Size::shares(20);
        assert_eq!(merged(None, free).ok(), Some(free));
        assert_eq!(merged(Some(Size::shares(5)), free).ok(), Some(Size::shares(5)));
        for (asked, free) in [(Some(Size::shares(21)), free), (None, Size::ZERO)] {
            let refused = merged(asked, free).unwrap_err();
            assert_eq!(refused.status(), StatusCode::CONFLICT);
            assert!(refused.detail().contains("available outside open orders"), "{}", refused.detail());
        }
    }

    #[test]
    fn pairs_can_be_merged_and_what_pays_redeemed() {
        let position = |market: &str, outcome: &str, shares: u64, pays: Option<u32>| PositionView {
            token: format!("{market}-{outcome}"),
            market: market.to_owned(),
            question: String::new(),
            outcome: outcome.to_owned(),
            size_micros: shares * 1_000_000,
            cost_micro_usd: 1,
            bid_micro_usd: None,
            pays_micro_usd: pays,
            value_micro_usd: 0,
            realised_micro_usd: 0,
            unrealised_micro_usd: 0,
            owners: Vec::new(),
        };
        let positions = [
            position("a", "Yes", 30, None),
            position("a", "No", 20, None),
            position("b", "Yes", 10, None),
            position("c", "Yes", 10, Some(1_000_000)),
            position("c", "No", 4, Some(0)),
            position("d", "No", 6, Some(500_000)),
        ];
        // The contract of the last market is not known.
        let call = |slug: &str, claim| {
            let condition = model::ConditionId([7; 32]);
            (slug != "d").then(|| Call::new(order::Chain::Polygon, claim, &condition, slug == "c")).flatten()
        };
        let claims = claims_of(&positions, call);
        let listed: Vec<(ClaimKindView, &str, &str, u64, i64)> = claims
            .iter()
            .map(|claim| (claim.kind, &*claim.market, &*claim.outcome, claim.size_micros, claim.worth_micro_usd))
            .collect();
        let expected = [
            (ClaimKindView::Merge, "a", "", 20_000_000, 20_000_000),
            (ClaimKindView::Redeem, "c", "Yes", 10_000_000, 10_000_000),
            (ClaimKindView::Redeem, "d", "No", 6_000_000, 3_000_000),
        ];
        assert_eq!(listed, expected);
        let called: Vec<(&str, &str)> =
            claims.iter().map(|claim| (&*claim.to, claim.data.get(..10).unwrap_or(""))).collect();
        let merge = ("0xAdA100Db00Ca00073811820692005400218FcE1f", "0x9e7212ad");
        assert_eq!(called, [merge, ("0xadA2005600Dec949baf300f4C6120000bDB6eAab", "0x01b7037c"), ("", "")]);
    }
}
