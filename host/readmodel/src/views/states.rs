//! States and kinds in the views. Each closed set of texts is an enum: a union in TypeScript, an `enum` in the API's description.

use engine::BotState;
use model::input::{Restriction, Settlement};
use model::{MarketState, OrderKind, OrderState, Side};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;

/// Declares an enum whose JSON texts stand in rows of the database too.
macro_rules! stored {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:tt,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the text in JSON and in rows.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Returns the one of that text; none if the text is unknown here.
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
    /// Does not trade.
    Stopped,
    /// Trades.
    Running,
    /// Does not trade, but the guards watch.
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

/// What is forbidden although the bot runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestrictionLevelView {
    /// Nothing.
    None,
    /// All but orders that reduce a position.
    ReduceOnly,
    /// All but cancels.
    CancelOnly,
    /// All but cancels, until an operator releases it.
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

/// How a session trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModeView {
    /// Invented money on a local exchange.
    Demo,
    /// Real markets, simulated orders.
    Paper,
    /// Real money.
    Live,
}

/// Whether a market can be traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarketStateView {
    /// The book is fresh.
    Open,
    /// The book has no proof of life, or no snapshot yet.
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
    /// Side of an order, in the venue's words.
    SideView {
        /// Pays dollars for shares.
        Buy = "BUY",
        /// Gives shares for dollars.
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
    /// Kind of an order, in the venue's words.
    OrderKindView {
        /// Rests until it is cancelled.
        Gtc = "GTC",
        /// Rests until a moment.
        Gtd = "GTD",
        /// Fills what it can at once; the rest is cancelled.
        Fak = "FAK",
        /// Fills as a whole at once, or not at all.
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
        /// Approved and on its way; the venue has not answered.
        Pending = "pending",
        /// On the book, nothing filled.
        Live = "live",
        /// On the book, a part filled.
        PartlyFilled = "partly_filled",
        /// All shares matched.
        Filled = "filled",
        /// Over, with or without a part filled.
        Cancelled = "cancelled",
        /// Refused by the venue or the signer.
        Refused = "refused",
        /// The venue's answer was lost: it may be on the book.
        Unknown = "unknown",
    }
}

impl OrderStateView {
    /// Says whether nothing more can come of the order.
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
    /// How far a trade has settled.
    SettlementView {
        /// Matched by the operator.
        Matched = "matched",
        /// In a block.
        Mined = "mined",
        /// Final.
        Confirmed = "confirmed",
        /// Sent again after a failed transaction.
        Retrying = "retrying",
        /// Final: nothing moved.
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

/// Where the value of a key of the configuration comes from.
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
    /// A variable of the environment.
    Environment,
    /// A flag.
    Flag,
    /// An operator, while the host ran.
    Operator,
}

/// What a token or a login may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleView {
    /// Reads, and stops everything in an emergency.
    Viewer,
    /// Starts, stops and cancels.
    Trader,
    /// Releases a halt, changes the configuration and makes tokens.
    Admin,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    /// Returns the texts of JSON, and checks that rows have the same ones.
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
