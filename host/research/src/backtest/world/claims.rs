//! Merging of pairs and conversion of complete baskets, as an operator does it in live trading: as soon as the matches
//! are final, if the run asks for it.

use super::{Output, Row, World};
use crate::events::Group;
use crate::run::TransferRow;
use model::{InputKind, MarketIx, Size, TokenIx, Transfer, TransferKind, Usd};
use sim::Conversion;

impl World {
    /// Merges all pairs and converts all complete baskets that no open order may still sell.
    pub(super) fn merge_all(&mut self, output: &mut Output) {
        for market in self.each_market(&[]) {
            let size = self.free(market.token(0)).min(self.free(market.token(1)));
            if !size.is_zero() && !self.is_closed(market) {
                self.transfer(&Conversion::Merge { market, size }, &[TransferKind::Merge { market, size }], output);
            }
        }
        for group in self.groups.clone().iter() {
            self.convert(group, output);
        }
    }

    /// Converts NO shares of all markets of an event into dollars. Without all outcomes of the event as markets of the
    /// run, a conversion would give shares that the run does not know.
    fn convert(&mut self, group: &Group, output: &mut Output) {
        let known = |condition: &model::ConditionId| {
            self.each_market(&[])
                .into_iter()
                .find(|market| self.engine.market(*market).is_some_and(|listed| listed.condition == *condition))
        };
        let members: Option<Vec<MarketIx>> = group.members.iter().map(known).collect();
        let Some(members) = members.filter(|members| group.complete && members.len() > 1) else { return };
        if members.iter().any(|market| self.is_closed(*market)) {
            return;
        }
        let size = members.iter().map(|market| self.free(market.token(1))).min().unwrap_or_default();
        let Some(face) = size.face_value().filter(|face| *face > Usd::ZERO) else { return };
        let (count, rest) = (members.len(), members.len().saturating_sub(1));
        let all = i64::try_from(rest).ok().and_then(|rest| face.micros().checked_mul(rest));
        let (Some(all), Ok(parts)) = (all, i64::try_from(count)) else { return };
        let each = all.checked_div(parts).unwrap_or(0);
        let first = all.saturating_sub(each.saturating_mul(parts.saturating_sub(1)));
        let kinds: Vec<TransferKind> = members
            .iter()
            .enumerate()
            .map(|(place, market)| {
                let paid = Usd(if place == 0 { first } else { each });
                TransferKind::Convert { token: market.token(1), size, paid }
            })
            .collect();
        self.transfer(&Conversion::Convert { event: group.event, from: members, size }, &kinds, output);
    }

    /// Executes a conversion at the venue, and lets the host book it.
    fn transfer(&mut self, turn: &Conversion, kinds: &[TransferKind], output: &mut Output) {
        if let Err((_, error)) = self.paper.turn(self.at, std::slice::from_ref(turn)) {
            tracing::debug!(%error, "conversion not possible");
            return;
        }
        for kind in kinds {
            let (token, size, dollars) = match *kind {
                TransferKind::Merge { market, size } => (market.token(0), size, size.face_value().unwrap_or_default()),
                TransferKind::Convert { token, size, paid } => (token, size, paid),
                _ => continue,
            };
            let outcome = u8::try_from(token.outcome()).unwrap_or(0);
            let row = TransferRow {
                at: self.at,
                kind: kind.as_str().to_owned(),
                market: token.market().0,
                outcome,
                size,
                dollars,
            };
            output.rows.push(Row::Transfer(row));
            let transfer = Transfer { kind: *kind, reference: kind.as_str().to_owned() };
            self.feed(self.at, InputKind::Transfer(transfer), output);
        }
    }

    /// Returns the shares of a token that no open order sells.
    fn free(&self, token: TokenIx) -> Size {
        let sold =
            self.paper.open_orders().filter(|(order, _)| order.token == token && order.side == model::Side::Sell);
        let sold = sold.fold(Size::ZERO, |sum, (order, _)| sum.saturating_add(order.rest()));
        self.held(token).saturating_sub(sold)
    }

    fn is_closed(&self, market: MarketIx) -> bool {
        self.markets.get(market.index()).is_none_or(|watched| watched.closed)
    }
}
