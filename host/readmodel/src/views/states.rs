//! States and kinds in the views. Each closed set of texts is an enum: a union in TypeScript, an `enum` in the API's
//! description.

use engine::BotState;
use model::input::{Restriction, Settlement};
use model::{MarketState, OrderKind, OrderState, Side};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;

/// Declares an enum whose JSON texts are used in database rows too.
macro_rules! stored {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:tt,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the text used in JSON and in rows.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Returns the value with that text; `None` if the text is unknown here.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    };
}

/// State of the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum BotStateView {
    /// Not trading.
    Stopped,
    /// Trading.
    Running,
    /// Not trading, but the guards are active.
    Paused,
}

impl From<BotState> for BotStateView {
    fn from(state: BotState) -> Self {
        match state {
            BotState::Stopped => Self::Stopped,
            BotState::Running => Self::Running,
            BotState::Paused => Self::Paused,
        }
    }
}

/// The restriction in force, even while the bot runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestrictionLevelView {
    /// No restriction.
    None,
    /// Only orders that reduce a position, and cancels.
    ReduceOnly,
    /// Only cancels.
    CancelOnly,
    /// Only cancels, until an operator releases the halt.
    Halted,
}

impl From<Restriction> for RestrictionLevelView {
    fn from(restriction: Restriction) -> Self {
        match restriction {
            Restriction::None => Self::None,
            Restriction::ReduceOnly => Self::ReduceOnly,
            Restriction::CancelOnly => Self::CancelOnly,
            Restriction::Halted => Self::Halted,
        }
    }
}

/// The trading mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModeView {
    /// Simulated money on a local exchange.
    Demo,
    /// Real markets, simulated orders.
    Paper,
    /// Real money.
    Live,
}

/// The state of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarketStateView {
    /// The book is fresh.
    Open,
    /// The book is not proved current, or has no snapshot yet.
    Blind,
    /// The outcome is known.
    Resolved,
    /// The book is fresh, but an operator or a breaker allows no new risk there.
    Paused,
}

impl From<MarketState> for MarketStateView {
    fn from(state: MarketState) -> Self {
        match state {
            MarketState::Open => Self::Open,
            MarketState::Blind => Self::Blind,
            MarketState::Resolved => Self::Resolved,
            MarketState::Paused => Self::Paused,
        }
    }
}

stored! {
    /// Side of an order, with the venue's values.
    SideView {
        /// Buys shares.
        Buy = "BUY",
        /// Sells shares.
        Sell = "SELL",
    }
}

impl From<Side> for SideView {
    fn from(side: Side) -> Self {
        match side {
            Side::Buy => Self::Buy,
            Side::Sell => Self::Sell,
        }
    }
}

stored! {
    /// Kind of an order, with the venue's values.
    OrderKindView {
        /// Rests until it is cancelled.
        Gtc = "GTC",
        /// Rests until its expiry.
        Gtd = "GTD",
        /// Fills as much as possible at once; the rest is cancelled.
        Fak = "FAK",
        /// Fills completely at once, or not at all.
        Fok = "FOK",
    }
}

impl From<OrderKind> for OrderKindView {
    fn from(kind: OrderKind) -> Self {
        match kind {
            OrderKind::Gtc { .. } => Self::Gtc,
            OrderKind::Gtd { .. } => Self::Gtd,
            OrderKind::Fak => Self::Fak,
            OrderKind::Fok => Self::Fok,
        }
    }
}

stored! {
    /// State of an order.
    OrderStateView {
        /// Approved and being sent; the venue has not answered.
        Pending = "pending",
        /// On the book, not filled.
        Live = "live",
        /// On the book, partly filled.
        PartlyFilled = "partly_filled",
        /// All shares matched.
        Filled = "filled",
        /// Over, possibly partly filled.
        Cancelled = "cancelled",
        /// Refused by the venue or the signer.
        Refused = "refused",
        /// The venue's answer was lost: the order may be on the book.
        Unknown = "unknown",
    }
}

impl OrderStateView {
    /// Returns true if the order is final.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Refused)
    }
}

impl From<OrderState> for OrderStateView {
    fn from(state: OrderState) -> Self {
        match state {
            OrderState::Pending => Self::Pending,
            OrderState::Live => Self::Live,
            OrderState::PartlyFilled => Self::PartlyFilled,
            OrderState::Filled => Self::Filled,
            OrderState::Cancelled => Self::Cancelled,
            OrderState::Refused => Self::Refused,
            OrderState::Unknown => Self::Unknown,
        }
    }
}

stored! {
    /// Settlement state of a trade.
    SettlementView {
        /// Matched by the operator.
        Matched = "matched",
        /// Included in a block.
        Mined = "mined",
        /// Final.
        Confirmed = "confirmed",
        /// Resubmitted after a failed transaction.
        Retrying = "retrying",
        /// Final: nothing was transferred.
        Failed = "failed",
    }
}

impl From<Settlement> for SettlementView {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Matched => Self::Matched,
            Settlement::Mined => Self::Mined,
            Settlement::Confirmed => Self::Confirmed,
            Settlement::Retrying => Self::Retrying,
            Settlement::Failed => Self::Failed,
        }
    }
}

/// The source of a configuration value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigSourceView {
    /// No layer sets it.
    Default,
    /// The demo's profile.
    #[serde(rename = "demo profile")]
    DemoProfile,
    /// `polytrader.toml`.
    File,
    /// An environment variable.
    Environment,
    /// A flag.
    Flag,
    /// An operator, while the host ran.
    Operator,
}

/// The permissions of a token or a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleView {
    /// Reads, and triggers the emergency stop.
    Viewer,
    /// Starts, stops and cancels.
    Trader,
    /// Releases a halt, changes the configuration and creates tokens.
    Admin,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    /// Returns the JSON texts, and checks that rows use the same ones.
    fn texts<T: Copy + Serialize + PartialEq + std::fmt::Debug>(
        all: &[T],
        as_str: impl Fn(T) -> &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<String> {
        let text = |it: &T| {
            let json = serde_json::to_value(it).unwrap().as_str().unwrap().to_owned();
            assert_eq!((as_str(*it), parse(&json)), (&*json, Some(*it)));
            json
        };
        assert_eq!(parse("dreamt"), None);
        all.iter().map(text).collect()
    }

    #[test]
    fn rows_and_json_have_the_same_texts_and_they_are_those_of_the_model() {
        let sides = texts(SideView::ALL, SideView::as_str, SideView::parse);
        assert_eq!(sides, [Side::Buy, Side::Sell].map(|side| side.to_string()));
        let kinds = texts(OrderKindView::ALL, OrderKindView::as_str, OrderKindView::parse);
        let post_only = false;
        let of =
            [OrderKind::Gtc { post_only }, OrderKind::Gtd { until_s: 1, post_only }, OrderKind::Fak, OrderKind::Fok];
        assert_eq!(kinds, of.map(OrderKind::as_str));
        assert_eq!(of.map(|kind| OrderKindView::from(kind).as_str()), of.map(OrderKind::as_str));
        let states = texts(OrderStateView::ALL, OrderStateView::as_str, OrderStateView::parse);
        let of = [
            OrderState::Pending,
            OrderState::Live,
            OrderState::PartlyFilled,
            OrderState::Filled,
            OrderState::Cancelled,
            OrderState::Refused,
            OrderState::Unknown,
        ];
        assert_eq!(states, of.map(OrderState::as_str));
        assert_eq!(of.map(|state| OrderStateView::from(state).as_str()), of.map(OrderState::as_str));
        assert_eq!(of.map(|state| OrderStateView::from(state).is_over()), of.map(OrderState::is_over));
        let settlements = texts(SettlementView::ALL, SettlementView::as_str, SettlementView::parse);
        assert_eq!(settlements, ["matched", "mined", "confirmed", "retrying", "failed"]);
    }

    #[test]
    fn states_of_the_bot_and_restrictions_have_the_texts_of_the_engine() {
        for state in [BotState::Stopped, BotState::Running, BotState::Paused] {
            assert_eq!(serde_json::to_value(BotStateView::from(state)).unwrap(), state.as_str());
        }
        for restriction in [Restriction::None, Restriction::ReduceOnly, Restriction::CancelOnly, Restriction::Halted] {
            assert_eq!(serde_json::to_value(RestrictionLevelView::from(restriction)).unwrap(), restriction.as_str());
        }
    }
}
