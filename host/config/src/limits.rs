//! Risk limits of the gate, the guards and the breakers as keys: the field of each, and how far it may be loosened at
//! runtime.

use super::keys::{KEYS, Key};
use super::layers::Layers;
use super::value::Value;
use anyhow::{anyhow, ensure};
use model::{Limits, Size, Usd};

/// Factor by which a limit may be loosened beyond its default at runtime, unless the boot configuration allows more.
const LOOSENED_MAX: i64 = 4;

/// Direction in which a limit becomes stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tighter {
    /// A lower value is stricter.
    Lower,
    /// A higher value is stricter.
    Higher,
}

/// A limit and its access functions.
struct LimitKey {
    name: &'static str,
    tighter: Tighter,
    get: fn(&Limits) -> i64,
    set: fn(&mut Limits, i64) -> Option<()>,
}

macro_rules! limit {
    ($name:literal, $tighter:ident, count $field:ident) => {
        LimitKey {
            name: $name,
            tighter: Tighter::$tighter,
            get: |limits| i64::from(limits.$field),
            set: |limits, number| u32::try_from(number).ok().map(|number| limits.$field = number),
        }
    };
    ($name:literal, $tighter:ident, usd $field:ident) => {
        LimitKey {
            name: $name,
            tighter: Tighter::$tighter,
            get: |limits| limits.$field.micros(),
            set: |limits, number| Some(limits.$field = Usd(number)),
        }
    };
    ($name:literal, $tighter:ident, shares $field:ident) => {
        LimitKey {
            name: $name,
            tighter: Tighter::$tighter,
            get: |limits| i64::try_from(limits.$field.micros() / 1_000_000).unwrap_or(i64::MAX),
            set: |limits, number| u64::try_from(number).ok().map(|number| limits.$field = Size::shares(number)),
        }
    };
    ($name:literal, $tighter:ident, flag $field:ident) => {
        LimitKey {
            name: $name,
            tighter: Tighter::$tighter,
            get: |limits| i64::from(limits.$field),
            set: |limits, number| Some(limits.$field = number == 1),
        }
    };
    ($name:literal, $tighter:ident, seconds $field:ident) => {
        LimitKey {
            name: $name,
            tighter: Tighter::$tighter,
            get: |limits| i64::try_from(limits.$field / 1_000_000).unwrap_or(i64::MAX),
            set: |limits, number| {
                let micros = u64::try_from(number).ok()?.checked_mul(1_000_000)?;
                Some(limits.$field = micros)
            },
        }
    };
}

const LIMITS: [LimitKey; 31] = [
    limit!("portfolio_trade_pct", Lower, count portfolio_trade_bps),
    limit!("max_order_usd", Lower, usd max_order),
    limit!("max_order_shares", Lower, shares max_order_size),
    limit!("max_market_usd", Lower, usd max_market),
    limit!("max_event_usd", Lower, usd max_event),
    limit!("max_gross_pct", Lower, count max_gross_bps),
    limit!("max_resting_pct", Lower, count max_resting_bps),
    limit!("cash_reserve_pct", Higher, count cash_reserve_bps),
    limit!("max_strategy_pct", Lower, count max_strategy_bps),
    limit!("max_open_positions", Lower, count max_open_positions),
    limit!("max_strategy_loss_usd", Lower, usd max_strategy_loss),
    limit!("max_losing_trips", Lower, count max_losing_trips),
    limit!("max_jump_usd", Lower, usd max_jump),
    limit!("min_edge_usd", Higher, usd min_edge),
    limit!("probation_s", Higher, seconds probation_micros),
    limit!("exit_orphans", Higher, flag exit_orphans),
    limit!("daily_loss_limit_usd", Lower, usd daily_loss),
    limit!("max_drawdown_pct", Lower, count max_drawdown_bps),
    limit!("take_profit_pct", Lower, count take_profit_bps),
    limit!("stop_loss_pct", Lower, count stop_loss_bps),
    limit!("price_collar_pct", Lower, count price_collar_bps),
    limit!("max_slippage_ticks", Lower, count max_slippage_ticks),
    limit!("max_depth_pct", Lower, count max_depth_bps),
    limit!("max_open_orders", Lower, count max_open_orders),
    limit!("max_market_orders", Lower, count max_market_orders),
    limit!("max_orders_per_minute", Lower, count max_orders_per_minute),
    limit!("max_strategy_orders_per_minute", Lower, count max_strategy_orders_per_minute),
    limit!("max_repeats", Lower, count max_repeats),
    limit!("max_fills_per_minute", Lower, count max_fills_per_minute),
    limit!("min_time_to_end_s", Higher, seconds min_time_to_end_micros),
    limit!("stale_after_s", Lower, seconds stale_after_micros),
];

/// Result of changing a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// All limits, including the change.
    pub limits: Limits,
    /// The value for display.
    pub shown: String,
    /// True if the new value allows more than the previous one.
    pub loosens: bool,
}

/// Reads all limits from the layers.
pub(super) fn read(layers: &Layers) -> anyhow::Result<Limits> {
    let mut limits = Limits::DEFAULT;
    for key in &LIMITS {
        let value = layers.get(key.name)?;
        let number = value.number.ok_or_else(|| anyhow!("expected a number, got `{}`", value.text))?;
        (key.set)(&mut limits, number).ok_or_else(|| anyhow!("`{}` is out of range for {}", value.text, key.name))?;
    }
    Ok(limits)
}

/// Returns true if a key can be changed at runtime.
pub fn is_limit(name: &str) -> bool {
    LIMITS.iter().any(|limit| limit.name == name)
}

/// Returns true if there is such a key.
pub fn is_key(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name)
}

/// Changes one limit of `now`. `boot` contains the limits at startup: a value there that is looser than the ceiling
/// becomes the ceiling.
///
/// # Errors
/// An error for an unknown key, an invalid value, or one beyond the ceiling.
pub fn change(now: &Limits, boot: &Limits, name: &str, text: &str) -> anyhow::Result<Changed> {
    let key: &Key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| anyhow!("there is no key `{name}`"))?;
    let limit = LIMITS
        .iter()
        .find(|limit| limit.name == name)
        .ok_or_else(|| anyhow!("{name} cannot be changed while running; set it in polytrader.toml and restart"))?;
    let value = Value::parse(key, text)?;
    let number = value.number.ok_or_else(|| anyhow!("expected a number, got `{text}`"))?;
    let ceiling = Value { text: ceiling_text(key, limit, boot), number: Some(ceiling(limit, boot)) };
    let allowed = match limit.tighter {
        Tighter::Lower => number <= ceiling.number.unwrap_or(i64::MIN),
        Tighter::Higher => number >= ceiling.number.unwrap_or(i64::MAX),
    };
    ensure!(
        allowed,
        "`{}` is too loose for {name} while running: the limit is {} (four times the default, or the value at \
         startup); to exceed it, set it in polytrader.toml and restart",
        value.text,
        ceiling.text
    );
    let before = (limit.get)(now);
    let mut limits = *now;
    (limit.set)(&mut limits, number).ok_or_else(|| anyhow!("`{text}` is out of range for {name}"))?;
    let loosens = match limit.tighter {
        Tighter::Lower => number > before,
        Tighter::Higher => number < before,
    };
    Ok(Changed { limits, shown: value.text, loosens })
}

/// Returns the ceiling to which a limit may be loosened, in its unit.
fn ceiling(limit: &LimitKey, boot: &Limits) -> i64 {
    let (default, boot) = ((limit.get)(&Limits::DEFAULT), (limit.get)(boot));
    match limit.tighter {
        Tighter::Lower => default.saturating_mul(LOOSENED_MAX).max(boot),
        Tighter::Higher => default.checked_div(LOOSENED_MAX).unwrap_or(default).min(boot),
    }
}

fn ceiling_text(key: &Key, limit: &LimitKey, boot: &Limits) -> String {
    super::value::written(key.kind, ceiling(limit, boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_a_key_whose_default_is_the_limits_own() {
        for limit in &LIMITS {
            let key = KEYS.iter().find(|key| key.name == limit.name).unwrap_or_else(|| panic!("no key {}", limit.name));
            let value = Value::parse(key, key.default).unwrap();
            assert_eq!(value.number, Some((limit.get)(&Limits::DEFAULT)), "{}", limit.name);
        }
    }

    #[test]
    fn setting_every_limit_changes_only_that_one() {
        for limit in &LIMITS {
            let mut limits = Limits::DEFAULT;
            let number = (limit.get)(&limits) + 1;
            (limit.set)(&mut limits, number).unwrap();
            assert_eq!((limit.get)(&limits), number, "{}", limit.name);
            let others = LIMITS.iter().filter(|other| other.name != limit.name);
            others.for_each(|other| assert_eq!((other.get)(&limits), (other.get)(&Limits::DEFAULT), "{}", limit.name));
        }
    }

    #[test]
    fn tightening_is_free_and_loosening_has_a_ceiling() {
        let defaults = Limits::DEFAULT;
        let tighter = change(&defaults, &defaults, "daily_loss_limit_usd", "10.50").unwrap();
        assert_eq!((tighter.limits.daily_loss, tighter.loosens), (Usd(10_500_000), false));
        let looser = change(&defaults, &defaults, "daily_loss_limit_usd", "100").unwrap();
        assert!(looser.loosens);
        let error = change(&defaults, &defaults, "daily_loss_limit_usd", "100.01").unwrap_err().to_string();
        assert!(error.contains("`100.01`") && error.contains("the limit is 100"), "{error}");
        let boot = Limits { daily_loss: Usd::dollars(500), ..defaults };
        assert!(change(&defaults, &boot, "daily_loss_limit_usd", "500").is_ok());
        let error = change(&defaults, &defaults, "cash_reserve_pct", "2").unwrap_err().to_string();
        assert!(error.contains("the limit is 2.5"), "{error}");
        assert!(!change(&defaults, &defaults, "cash_reserve_pct", "20").unwrap().loosens);
    }

    #[test]
    fn keys_that_cannot_be_changed_at_runtime_are_refused() {
        let change = |name, text| change(&Limits::DEFAULT, &Limits::DEFAULT, name, text).unwrap_err().to_string();
        assert!(change("api.listen", "127.0.0.1:1").contains("cannot be changed while running"));
        assert!(change("max_oder_usd", "1").contains("no key `max_oder_usd`"));
        assert!(change("max_order_usd", "much").contains("invalid value `much`"));
    }
}
