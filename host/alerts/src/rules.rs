//! Alert rules: derives alerts from engine records.

use super::{Alert, Alerts, Severity};
use engine::{BotState, EngineEvent};
use model::Time;
use model::input::{Breaker, Restriction, Scope};
use std::time::Duration;

/// Delay of an alert about a lost connection or a silent market feed: most recover by themselves.
const LOST: Duration = Duration::from_secs(10);
const TRIPPED: &str = "breaker_tripped";
const CLOSED: &str = "breaker_closed";

/// An alert event derived from an engine record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AlertEvent {
    /// Send the alert.
    Raise(Alert),
    /// Send the alert after this time, unless the condition ends before.
    Hold(Alert, Duration),
    /// The condition of a held alert has ended; this is reported only if the alert was sent.
    Calm {
        /// The kind of the held alert; its subject is that of `over`.
        kind: &'static str,
        /// The alert that reports the end.
        over: Alert,
    },
}

/// State of the bot before a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BotStatus {
    pub(crate) state: BotState,
    pub(crate) halted: bool,
}

impl BotStatus {
    /// State at the start of a session.
    const FIRST: Self = Self { state: BotState::Stopped, halted: false };
}

/// Raises the alerts that follow from the engine's records. Owned by the one thread that processes all records in
/// order.
#[derive(Debug)]
pub struct RecordAlerts {
    alerts: Alerts,
    standing: BotStatus,
}

impl RecordAlerts {
    /// Returns the rules for a new session.
    pub const fn new(alerts: Alerts) -> Self {
        Self { alerts, standing: BotStatus::FIRST }
    }

    /// Raises, holds or withdraws an alert if the record calls for it. `names` returns the name of a scope.
    pub fn record(&mut self, at: Time, record: &EngineEvent, names: impl Fn(Scope) -> String) {
        if !self.alerts.is_on() {
            return;
        }
        let (fact, after) = of(at, record, self.standing, names);
        self.standing = after;
        if let Some(fact) = fact {
            self.alerts.on_event(fact);
        }
    }
}

/// Returns the alert event for a record, and the state of the bot after it. `names` returns the name of a scope.
fn of(
    at: Time,
    record: &EngineEvent,
    before: BotStatus,
    names: impl Fn(Scope) -> String,
) -> (Option<AlertEvent>, BotStatus) {
    let mut after = before;
    let fact = match record {
        EngineEvent::State { state, restriction, reason } => {
            after = BotStatus { state: *state, halted: *restriction == Restriction::Halted };
            standing(at, before, after, reason).map(AlertEvent::Raise)
        }
        EngineEvent::Breaker { breaker, scope, tripped, reason } => {
            Some(of_breaker(at, *breaker, *scope, &names(*scope), tripped.then_some(reason.as_str())))
        }
        EngineEvent::Guard { token, rule, gain_bps } => {
            let market = names(Scope::Market(token.market()));
            let detail = format!("a gain of {gain_bps} basis points in {market}");
            let title = format!("the host closes a position: {rule}");
            let alert = Alert::new(at, Severity::Info, "guard", &title, &detail);
            Some(AlertEvent::Raise(Alert { subject: format!("{market} {}", token.outcome()), ..alert }))
        }
        // Strategy incidents are reported by the strategy manager, and trades cause no alerts.
        _ => None,
    };
    (fact, after)
}

/// Returns the alert for a change of the bot's state.
fn standing(at: Time, before: BotStatus, after: BotStatus, reason: &str) -> Option<Alert> {
    let alert = |severity, kind, title| Some(Alert::new(at, severity, kind, title, reason));
    match (before.halted, after.halted) {
        (false, true) => return alert(Severity::Critical, "emergency_stop", "emergency stop: the signer is locked"),
        (true, false) => return alert(Severity::Warning, "emergency_stop_released", "the emergency stop is released"),
        _ if before.state == after.state => return None,
        _ => {}
    }
    // An operator's command without a comment has no reason.
    let severity = if reason.is_empty() { Severity::Info } else { Severity::Warning };
    match after.state {
        BotState::Running => alert(Severity::Info, "bot_running", "the bot is RUNNING"),
        BotState::Paused => alert(severity, "bot_paused", "the bot is PAUSED"),
        BotState::Stopped => alert(severity, "bot_stopped", "the bot is STOPPED"),
    }
}

fn of_breaker(at: Time, breaker: Breaker, scope: Scope, whom: &str, tripped: Option<&str>) -> AlertEvent {
    let name = breaker.as_str();
    let severity = severity(breaker, scope);
    let place = if whom.is_empty() { String::new() } else { format!(" for {whom}") };
    let make = |severity, kind, title: String, detail: &str| {
        let alert = Alert::new(at, severity, kind, &title, detail);
        let strategy = if matches!(scope, Scope::Strategy(_)) { whom.to_owned() } else { String::new() };
        Alert { subject: format!("{name}{place}"), strategy, ..alert }
    };
    let passing = matches!(breaker, Breaker::WebsocketDisconnect | Breaker::StaleData);
    match tripped {
        Some(reason) => {
            let alert = make(severity, TRIPPED, format!("the breaker {name} has tripped{place}"), reason);
            if passing { AlertEvent::Hold(alert, LOST) } else { AlertEvent::Raise(alert) }
        }
        None => {
            let title = format!("the breaker {name} is closed again{place}");
            let over = make(severity.min(Severity::Warning), CLOSED, title, "");
            if passing { AlertEvent::Calm { kind: TRIPPED, over } } else { AlertEvent::Raise(over) }
        }
    }
}

/// Returns the severity of a breaker's alert. Events in a single market are routine.
const fn severity(breaker: Breaker, scope: Scope) -> Severity {
    if matches!(scope, Scope::Market(_)) {
        return Severity::Info;
    }
    match breaker {
        Breaker::ReconciliationMismatch
        | Breaker::DailyLossLimit
        | Breaker::JournalFailure
        | Breaker::InvariantBroken
        | Breaker::Drawdown
        | Breaker::SettlementFailures
        | Breaker::HeartbeatLost => Severity::Critical,
        Breaker::StaleData
        | Breaker::WebsocketDisconnect
        | Breaker::HighErrorRate
        | Breaker::StrategyFault
        | Breaker::RepeatedExecution
        | Breaker::ClockSkew
        | Breaker::StrategyLoss
        | Breaker::LossStreak
        | Breaker::PriceJump => Severity::Warning,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "test code may fail loudly")]

    use super::*;
    use model::{MarketIx, StrategyId};

    fn name(scope: Scope) -> String {
        match scope {
            Scope::Session => String::new(),
            Scope::Market(_) => "rain".to_owned(),
            Scope::Strategy(_) => "quoter".to_owned(),
        }
    }

    fn state(state: BotState, restriction: Restriction, reason: &str) -> EngineEvent {
        EngineEvent::State { state, restriction, reason: reason.into() }
    }

    fn raised(record: &EngineEvent, before: BotStatus) -> Option<(Severity, &'static str, String)> {
        match of(Time(1), record, before, name).0? {
            AlertEvent::Raise(alert) => Some((alert.severity, alert.kind, alert.detail)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stop_is_reported_with_its_reason_and_the_same_state_again_is_not() {
        let running = BotStatus { state: BotState::Running, halted: false };
        let stopped = |reason| raised(&state(BotState::Stopped, Restriction::None, reason), running);
        assert_eq!(stopped(""), Some((Severity::Info, "bot_stopped", String::new())));
        assert_eq!(stopped("a fault"), Some((Severity::Warning, "bot_stopped", "a fault".into())));
        assert_eq!(raised(&state(BotState::Running, Restriction::ReduceOnly, "x"), running), None);
        let halted = state(BotState::Stopped, Restriction::Halted, "by ann");
        assert_eq!(raised(&halted, running), Some((Severity::Critical, "emergency_stop", "by ann".into())));
        // The same state again causes no alert.
        let (_, after) = of(Time(1), &halted, running, name);
        assert_eq!(raised(&halted, after), None);
        let released = state(BotState::Stopped, Restriction::None, "looked at it");
        assert_eq!(raised(&released, after).map(|found| found.1), Some("emergency_stop_released"));
    }

    #[test]
    fn a_breaker_is_reported_when_it_trips_and_when_it_closes() {
        let record =
            |breaker, scope, tripped| EngineEvent::Breaker { breaker, scope, tripped, reason: "numbers".into() };
        let strategy = Scope::Strategy(StrategyId(1));
        let found = |breaker, scope, tripped| raised(&record(breaker, scope, tripped), BotStatus::FIRST);
        let trip = |severity| Some((severity, "breaker_tripped", "numbers".to_owned()));
        assert_eq!(found(Breaker::DailyLossLimit, Scope::Session, true), trip(Severity::Critical));
        assert_eq!(found(Breaker::StrategyLoss, strategy, true), trip(Severity::Warning));
        assert_eq!(found(Breaker::PriceJump, Scope::Market(MarketIx(0)), true), trip(Severity::Info));
        let closed = Some((Severity::Warning, "breaker_closed", String::new()));
        assert_eq!(found(Breaker::DailyLossLimit, Scope::Session, false), closed);
    }

    #[test]
    fn a_lost_connection_is_reported_if_it_stays_lost() {
        let record = |tripped| EngineEvent::Breaker {
            breaker: Breaker::WebsocketDisconnect,
            scope: Scope::Session,
            tripped,
            reason: "numbers".into(),
        };
        let fact = |tripped| of(Time(1), &record(tripped), BotStatus::FIRST, name).0;
        let (Some(AlertEvent::Hold(alert, hold)), Some(AlertEvent::Calm { kind, over })) = (fact(true), fact(false))
        else {
            panic!("{:?} {:?}", fact(true), fact(false));
        };
        assert_eq!((hold, alert.kind, &alert.subject), (LOST, kind, &over.subject));
    }
}
