-- Sweeps of parameters, with their plan and verdict as JSON.
CREATE TABLE sweeps (
    sweep TEXT NOT NULL,
    name TEXT NOT NULL,
    strategy TEXT NOT NULL,
    module TEXT NOT NULL,
    tape TEXT NOT NULL,
    objective TEXT NOT NULL,
    plan TEXT NOT NULL,
    verdict TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    CONSTRAINT sweeps_pk PRIMARY KEY (sweep)
);

-- Every backtest ever run on a tape, of sweeps and alone: the number of trials is part of the statistics. Ratios in billionths. `tape` is the hash of
-- the tapes' records together; `until_ms` the time of their last event. A trial of a sweep has its job's hash as `run`, and its place in the sweep.
CREATE TABLE trials (
    tape TEXT NOT NULL,
    run TEXT NOT NULL,
    module TEXT NOT NULL,
    strategy TEXT NOT NULL,
    parameters TEXT NOT NULL,
    sweep TEXT NOT NULL,
    place BIGINT NOT NULL,
    failure TEXT NOT NULL,
    score_nanos BIGINT,
    sharpe_nanos BIGINT,
    profit_micro_usd BIGINT NOT NULL,
    drawdown_micro_usd BIGINT NOT NULL,
    fills BIGINT NOT NULL,
    digest TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT trials_pk PRIMARY KEY (tape, run, module)
);
CREATE INDEX trials_by_sweep ON trials (sweep, place);
CREATE INDEX trials_by_run ON trials (run);

-- The time that each version of a strategy ran, by mode and account.
CREATE TABLE strategy_hours (
    mode TEXT NOT NULL,
    account TEXT NOT NULL,
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    ran_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    CONSTRAINT strategy_hours_pk PRIMARY KEY (mode, account, hash, name)
);
