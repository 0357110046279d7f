-- Money and prices are whole micro-dollars, shares whole micro-shares, times Unix milliseconds. Flags are 0 or 1.
-- Tables of a session are projections of its journal; tokens, audit, valuations, halts and strategy_names are primary.
-- migrations/sqlite has the same tables and columns; a test compares them.

CREATE TABLE sessions (
    session BIGINT NOT NULL,
    mode TEXT NOT NULL,
    account TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    CONSTRAINT sessions_pk PRIMARY KEY (session),
    CONSTRAINT sessions_mode CHECK (mode IN ('demo', 'paper', 'live'))
);

CREATE TABLE orders (
    session BIGINT NOT NULL,
    id BIGINT NOT NULL,
    venue_id TEXT NOT NULL,
    strategy TEXT NOT NULL,
    token TEXT NOT NULL,
    market TEXT NOT NULL,
    outcome TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    price_micro_usd BIGINT NOT NULL,
    size_micros BIGINT NOT NULL,
    filled_micros BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT orders_pk PRIMARY KEY (session, id),
    CONSTRAINT orders_side CHECK (side IN ('BUY', 'SELL')),
    CONSTRAINT orders_price CHECK (price_micro_usd > 0 AND price_micro_usd < 1000000),
    CONSTRAINT orders_size CHECK (size_micros > 0)
);

-- Every state of an order with its reason, by the journal's sequence number of the input that caused it.
CREATE TABLE order_events (
    session BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    filled_micros BIGINT NOT NULL,
    reason TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT order_events_pk PRIMARY KEY (session, order_id, seq, state)
);

CREATE TABLE fills (
    session BIGINT NOT NULL,
    id TEXT NOT NULL,
    order_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    strategy TEXT NOT NULL,
    token TEXT NOT NULL,
    market TEXT NOT NULL,
    outcome TEXT NOT NULL,
    side TEXT NOT NULL,
    price_micro_usd BIGINT NOT NULL,
    size_micros BIGINT NOT NULL,
    cost_micro_usd BIGINT NOT NULL,
    fee_micro_usd BIGINT NOT NULL,
    maker BIGINT NOT NULL,
    settlement TEXT NOT NULL,
    CONSTRAINT fills_pk PRIMARY KEY (session, id),
    CONSTRAINT fills_side CHECK (side IN ('BUY', 'SELL')),
    CONSTRAINT fills_maker CHECK (maker IN (0, 1))
);
CREATE INDEX fills_by_time ON fills (at_ms, id);

CREATE TABLE positions (
    session BIGINT NOT NULL,
    token TEXT NOT NULL,
    market TEXT NOT NULL,
    outcome TEXT NOT NULL,
    size_micros BIGINT NOT NULL,
    cost_micro_usd BIGINT NOT NULL,
    realised_micro_usd BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT positions_pk PRIMARY KEY (session, token)
);

CREATE TABLE refusals (
    session BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    place BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    strategy TEXT NOT NULL,
    rule TEXT NOT NULL,
    market TEXT NOT NULL,
    outcome TEXT NOT NULL,
    value BIGINT NOT NULL,
    allowed BIGINT NOT NULL,
    CONSTRAINT refusals_pk PRIMARY KEY (session, seq, place)
);

CREATE TABLE breakers (
    session BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    market TEXT NOT NULL,
    tripped BIGINT NOT NULL,
    reason TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT breakers_pk PRIMARY KEY (session, seq, name, market),
    CONSTRAINT breakers_tripped CHECK (tripped IN (0, 1))
);

CREATE TABLE strategies (
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    CONSTRAINT strategies_pk PRIMARY KEY (hash, name)
);

CREATE TABLE strategy_names (
    name TEXT NOT NULL,
    id BIGINT NOT NULL,
    CONSTRAINT strategy_names_pk PRIMARY KEY (name),
    CONSTRAINT strategy_names_id UNIQUE (id),
    CONSTRAINT strategy_names_range CHECK (id BETWEEN 1 AND 65535)
);

-- What the account was worth when a UTC day began.
CREATE TABLE valuations (
    funder TEXT NOT NULL,
    utc_day BIGINT NOT NULL,
    value_micro_usd BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT valuations_pk PRIMARY KEY (funder, utc_day)
);

-- An emergency stop outlives a restart: a row here means halted.
CREATE TABLE halts (
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT halts_pk PRIMARY KEY (scope)
);

CREATE TABLE tokens (
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT tokens_pk PRIMARY KEY (name),
    CONSTRAINT tokens_hash UNIQUE (hash),
    CONSTRAINT tokens_role CHECK (role IN ('viewer', 'trader', 'admin'))
);

CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_pk PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    claimed_user TEXT NOT NULL,
    outcome TEXT NOT NULL
);
