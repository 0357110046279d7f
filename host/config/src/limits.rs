//! The limits of the gate, the guards and the breakers as keys: where each stands, and how far it may be loosened while running.

use super::keys::{KEYS, Key};
use super::layers::Layers;
use super::value::Value;
use anyhow::{anyhow, ensure};
use model::{Limits, Size, Usd};

/// How many times its default a limit may be loosened to while running, unless the boot configuration says more.
const LOOSENED_MAX: i64 = 4;

/// Which way is the safe one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tighter {
    /// Less is allowed with a lower value.
    Lower,
    /// Less is allowed with a higher value.
    Higher,
}

/// One limit.
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

/// What a changed limit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// All limits with the change.
    pub limits: Limits,
    /// The value as it is shown.
    pub shown: String,
    /// Whether it allows more than before.
    pub loosens: bool,
}

/// Reads all limits.
pub(super) fn read(layers: &Layers) -> anyhow::Result<Limits> {
    let mut limits = Limits::DEFAULT;
    for key in &LIMITS {
        let value = layers.get(key.name)?;
        let number = value.number.ok_or_else(|| anyhow!("`{}` is no number", value.text))?;
        (key.set)(&mut limits, number).ok_or_else(|| anyhow!("`{}` is out of range for {}", value.text, key.name))?;
    }
    Ok(limits)
}

/// Says whether a key can be changed while running.
pub fn is_limit(name: &str) -> bool {
    LIMITS.iter().any(|limit| limit.name == name)
}

/// Changes one limit of `now`. `boot` is what the configuration said at the start: it may be looser than the ceiling, and then is it.
///
/// # Errors
/// A sentence: no such key, a value that does not fit, or one beyond the ceiling.
pub fn change(now: &Limits, boot: &Limits, name: &str, text: &str) -> anyhow::Result<Changed> {
    let key: &Key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| anyhow!("there is no key `{name}`"))?;
    let limit = LIMITS
        .iter()
        .find(|limit| limit.name == name)
        .ok_or_else(|| anyhow!("{name} cannot be changed while running; set it in polytrader.toml and start again"))?;
    let value = Value::parse(key, text)?;
    let number = value.number.ok_or_else(|| anyhow!("`{text}` is no number"))?;
    let ceiling = Value { text: ceiling_text(key, limit, boot), number: Some(ceiling(limit, boot)) };
    let allowed = match limit.tighter {
        Tighter::Lower => number <= ceiling.number.unwrap_or(i64::MIN),
        Tighter::Higher => number >= ceiling.number.unwrap_or(i64::MAX),
    };
    ensure!(
        allowed,
        "`{}` is looser than {name} may become while running: {} is the furthest (four times the default, or what the host \
         was started with); to go beyond, set it in polytrader.toml and start again",
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

/// Returns how far a limit may be loosened, in its unit.
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
        assert!(error.contains("`100.01`") && error.contains("100 is the furthest"), "{error}");
        let boot = Limits { daily_loss: Usd::dollars(500), ..defaults };
        assert!(change(&defaults, &boot, "daily_loss_limit_usd", "500").is_ok());
        let error = change(&defaults, &defaults, "cash_reserve_pct", "2").unwrap_err().to_string();
        assert!(error.contains("2.5 is the furthest"), "{error}");
        assert!(!change(&defaults, &defaults, "cash_reserve_pct", "20").unwrap().loosens);
    }

    #[test]
    fn what_is_no_limit_says_so() {
        let change = |name, text| change(&Limits::DEFAULT, &Limits::DEFAULT, name, text).unwrap_err().to_string();
        assert!(change("api.listen", "127.0.0.1:1").contains("cannot be changed while running"));
        assert!(change("max_oder_usd", "1").contains("no key `max_oder_usd`"));
        assert!(change("max_order_usd", "much").contains("`much` does not fit"));
    }
}
