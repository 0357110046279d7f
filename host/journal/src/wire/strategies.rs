//! Changes of strategies. Event subscriptions and token names were added later: a record without them is still written
//! in the first format.

use super::{Bytes, DecodeError, Field, What, structure};
use alloc::string::String;
use alloc::vec::Vec;
use model::input::StrategyChange;
use model::{Budget, MarketIx, Signal, StrategyId, Time, Wants};

structure!(Wants { tops, trades, depth, every_micros });
structure!(Signal { name, value });
structure!(Budget { capital, daily_loss, orders_per_minute });

const LOADED_FIRST: u8 = 0;
const REMOVED: u8 = 1;
const LOADED: u8 = 2;
const PARAMETERS: u8 = 3;
const SIGNAL: u8 = 4;
const KEPT: u8 = 5;
const SAVED: u8 = 6;
const BUDGET: u8 = 20;
const FUEL: u8 = 21;

impl Field for StrategyChange {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Loaded { strategy, name, hash, instance, markets, places, wants, since, parameters } => {
                let first = places.is_empty() && *wants == Wants::FIRST;
                out.push(if first { LOADED_FIRST } else { LOADED });
                strategy.put(out);
                name.put(out);
                hash.put(out);
                instance.put(out);
                markets.put(out);
                since.put(out);
                parameters.put(out);
                if !first {
                    places.put(out);
                    wants.put(out);
                }
            }
            Self::Removed { strategy, reason } => {
                out.push(REMOVED);
                strategy.put(out);
                reason.put(out);
            }
            Self::Parameters { strategy, parameters } => {
                out.push(PARAMETERS);
                strategy.put(out);
                parameters.put(out);
            }
            Self::Signal { strategy, signal } => {
                out.push(SIGNAL);
                strategy.put(out);
                signal.put(out);
            }
            Self::Kept { strategy, instance, reason } => {
                out.push(KEPT);
                strategy.put(out);
                instance.put(out);
                reason.put(out);
            }
            Self::Saved { strategy, instance, state } => {
                out.push(SAVED);
                strategy.put(out);
                instance.put(out);
                state.put(out);
            }
            Self::Budget { strategy, budget } => {
                out.push(BUDGET);
                strategy.put(out);
                budget.put(out);
            }
            Self::Fuel { strategy, most } => {
                out.push(FUEL);
                strategy.put(out);
                most.put(out);
            }
        }
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        match u8::take(bytes)? {
            tag @ (LOADED_FIRST | LOADED) => loaded(bytes, tag == LOADED),
            REMOVED => Ok(Self::Removed { strategy: Field::take(bytes)?, reason: Field::take(bytes)? }),
            PARAMETERS => Ok(Self::Parameters { strategy: Field::take(bytes)?, parameters: Field::take(bytes)? }),
            SIGNAL => Ok(Self::Signal { strategy: Field::take(bytes)?, signal: Field::take(bytes)? }),
            KEPT => {
                let (strategy, instance) = (Field::take(bytes)?, Field::take(bytes)?);
                Ok(Self::Kept { strategy, instance, reason: Field::take(bytes)? })
            }
            SAVED => {
                let (strategy, instance) = (Field::take(bytes)?, Field::take(bytes)?);
                Ok(Self::Saved { strategy, instance, state: Field::take(bytes)? })
            }
            BUDGET => Ok(Self::Budget { strategy: Field::take(bytes)?, budget: Field::take(bytes)? }),
            FUEL => Ok(Self::Fuel { strategy: Field::take(bytes)?, most: Field::take(bytes)? }),
            tag => Err(bytes.error(What::Tag(tag, "change of a strategy"))),
        }
    }
}

fn loaded(bytes: &mut Bytes<'_>, says_more: bool) -> Result<StrategyChange, DecodeError> {
    let strategy = StrategyId::take(bytes)?;
    let name = String::take(bytes)?;
    let hash = Field::take(bytes)?;
    let instance = u32::take(bytes)?;
    let markets = Vec::<MarketIx>::take(bytes)?;
    let since = Time::take(bytes)?;
    let parameters = String::take(bytes)?;
    let (places, wants) =
        if says_more { (Field::take(bytes)?, Field::take(bytes)?) } else { (Vec::new(), Wants::FIRST) };
    Ok(StrategyChange::Loaded { strategy, name, hash, instance, markets, places, wants, since, parameters })
}
