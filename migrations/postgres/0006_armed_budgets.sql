-- What a strategy was armed with, beside the version; where nothing stands the session's limits hold.
ALTER TABLE strategy_decisions ADD COLUMN armed_capital_micro_usd BIGINT;
ALTER TABLE strategy_decisions ADD COLUMN armed_daily_loss_micro_usd BIGINT;
ALTER TABLE strategy_decisions ADD COLUMN armed_orders_per_minute BIGINT;
