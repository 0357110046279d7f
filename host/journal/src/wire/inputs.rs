//! All engine inputs.

use super::{structure, variants};
use model::input::{
    AccountView, Breaker, CancelOutcome, Channel, Command, ExternalOrder, HostFault, Mode, PlaceOutcome, Restriction,
    Scope, SessionStart, Settlement, StrategyAnswer, TradeUpdate, VenueState, VenueStatus,
};
use model::{
    Activity, ActivityKind, CarriedFill, CarriedOrder, CarryOver, FillEntry, Input, InputKind, Position,
    RealisedBefore, Reallocation, Score, Transfer, TransferKind,
};

variants!(Mode, "mode" { 0 => Demo, 1 => Paper, 2 => Live, 3 => Backtest, 4 => Replay });
structure!(SessionStart { session, mode, cash, day_start, limits, salt_seed, halted });
structure!(CarryOver {
    at,
    last_order,
    cash,
    fees,
    unsettled,
    positions,
    parts,
    orders,
    fills,
    breakers,
    cooling,
    sent,
    restrictions,
    peak,
    scores,
    trips
});
structure!(RealisedBefore { account, strategies });
structure!(Score { strategy, opening, fees, losing, rests });
structure!(Position { size, cost, realised, unsettled });
structure!(CarriedOrder { order, state, matched, traded });
structure!(CarriedFill { trade, part, order, entry, settlement, at });
structure!(FillEntry { strategy, token, side, size, cost, fee, basis });
variants!(Channel, "channel" { 0 => Market, 1 => User });
structure!(StrategyAnswer { strategy, instance, first, count, consumed, fuel, fault, intents, lost });
variants!(PlaceOutcome, "outcome of a placement" {
    0 => Live,
    1 => Matched { matched },
    2 => Delayed,
    3 => Refused { reason },
    4 => NotSent { reason },
    5 => Unknown { reason },
});
variants!(CancelOutcome, "outcome of a cancel" { 0 => Cancelled, 1 => NotOpen, 2 => Failed { reason }, 3 => Swept { reason } });
variants!(VenueStatus, "order status" { 0 => Live, 1 => Matched, 2 => Cancelled, 3 => Invalid });
variants!(Settlement, "settlement" { 0 => Matched, 1 => Mined, 2 => Confirmed, 3 => Retrying, 4 => Failed });
structure!(TradeUpdate { trade, part, order, settlement, maker_price, size, maker, crossed });
structure!(ExternalOrder { venue, token, side, price, size, counted });
variants!(VenueState, "state of the venue" { 0 => Open, 1 => PostOnly, 2 => CancelOnly, 3 => Restarting });
variants!(Command, "command" {
    0 => Start,
    1 => Stop,
    2 => Pause,
    3 => Resume,
    4 => EmergencyStop { reason },
    5 => Release { reason },
    6 => Cancel { order },
    7 => CancelAll,
    8 => ResetBreaker { breaker },
    9 => Close { token },
    10 => Restrict { scope, restriction },
    11 => Lock { market, until },
});
variants!(Restriction, "restriction" { 0 => None, 1 => ReduceOnly, 2 => CancelOnly, 3 => Halted });
variants!(TransferKind, "kind of transfer" {
    0 => Deposit(amount),
    1 => Withdrawal(amount),
    2 => Reward(amount),
    3 => Rebate(amount),
    4 => Gas(amount),
    5 => Split { market, size },
    6 => Merge { market, size },
    7 => Redeem { token, size, paid },
    8 => Convert { token, size, paid },
});
structure!(Transfer { kind, reference });
variants!(ActivityKind, "kind of activity" { 0 => Transfer(kind), 1 => Redeemed { market, paid } });
structure!(Activity { key, at, kind, reference });
variants!(Breaker, "breaker" {
    0 => StaleData,
    1 => WebsocketDisconnect,
    2 => HighErrorRate,
    3 => ReconciliationMismatch,
    4 => DailyLossLimit,
    5 => JournalFailure,
    6 => InvariantBroken,
    7 => Drawdown,
    8 => StrategyFault,
    9 => RepeatedExecution,
    10 => SettlementFailures,
    11 => ClockSkew,
    12 => StrategyLoss,
    13 => LossStreak,
    14 => PriceJump,
    15 => HeartbeatLost,
});
variants!(Scope, "scope of a breaker" { 0 => Session, 1 => Market(market), 2 => Strategy(strategy) });
structure!(AccountView { cash, shares });
variants!(HostFault, "fault of the host" { 0 => Journal, 1 => AccountOverflow, 2 => TaskEnded });
structure!(Reallocation { token, from, to, size });
variants!(InputKind, "input" {
    0 => Session(start),
    1 => Limits(limits),
    2 => Market(market),
    3 => Event(event),
    4 => Feed { channel, up },
    5 => BookConfirmed { token },
    6 => Clock,
    7 => Strategy(change),
    8 => Intents(answer),
    9 => Placed { order, outcome },
    10 => CancelAnswer { order, outcome },
    11 => OrderUpdate { order, status, matched },
    12 => Trade(update),
    13 => OrderQueried { order, not_found, asked },
    14 => Command(command),
    15 => Requests { ok, failed },
    16 => Account(view),
    17 => HostFault { fault },
    18 => CarryOver(carry),
    19 => ClockSkew { micros },
    20 => Transfer(transfer),
    21 => Venue { state },
    22 => Adopt(order),
    23 => Heartbeat { alive },
    24 => Activity(activity),
    25 => KnownActivities(keys),
    26 => Reallocate(assignment),
    27 => RealisedBefore(sums),
});
structure!(Input { seq, at, kind });
