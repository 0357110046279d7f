-- What operators decide belongs to a mode and an account: limits, decisions about strategies, how long a version has been here, tokens.
-- In demo mode the account is empty: it is drawn anew at each start. Rows from before have neither: what they tighten holds in every mode,
-- what they loosen in none, until it is said again. A token from before opens no live host, unless everything says that it was made for one.
CREATE TABLE settings_by_mode (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    mode TEXT NOT NULL DEFAULT '',
    account TEXT NOT NULL DEFAULT '',
    CONSTRAINT settings_pk PRIMARY KEY (mode, account, name)
);
INSERT INTO settings_by_mode (name, value, who, at_ms) SELECT name, value, who, at_ms FROM settings;
DROP TABLE settings;
ALTER TABLE settings_by_mode RENAME TO settings;

CREATE TABLE strategies_by_mode (
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    source TEXT NOT NULL DEFAULT '',
    bytes BIGINT NOT NULL DEFAULT 0,
    loaded_at_ms BIGINT NOT NULL DEFAULT 0,
    mode TEXT NOT NULL DEFAULT '',
    account TEXT NOT NULL DEFAULT '',
    CONSTRAINT strategies_pk PRIMARY KEY (mode, account, hash, name)
);
INSERT INTO strategies_by_mode (hash, name, version, first_seen_ms, source, bytes, loaded_at_ms)
    SELECT hash, name, version, first_seen_ms, source, bytes, loaded_at_ms FROM strategies;
DROP TABLE strategies;
ALTER TABLE strategies_by_mode RENAME TO strategies;

CREATE TABLE strategy_decisions_by_mode (
    name TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    -- A version that runs although the file is another, and the file over which it was chosen; empty if the file's runs.
    pinned TEXT NOT NULL,
    over_file TEXT NOT NULL,
    -- The version that may trade real money; empty if none may.
    armed TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    armed_capital_micro_usd BIGINT,
    armed_daily_loss_micro_usd BIGINT,
    armed_orders_per_minute BIGINT,
    mode TEXT NOT NULL DEFAULT '',
    account TEXT NOT NULL DEFAULT '',
    CONSTRAINT strategy_decisions_pk PRIMARY KEY (mode, account, name),
    CONSTRAINT strategy_decisions_disabled CHECK (disabled IN (0, 1))
);
INSERT INTO strategy_decisions_by_mode (name, disabled, pinned, over_file, armed, who, at_ms,
        armed_capital_micro_usd, armed_daily_loss_micro_usd, armed_orders_per_minute)
    SELECT name, disabled, pinned, over_file, armed, who, at_ms,
        armed_capital_micro_usd, armed_daily_loss_micro_usd, armed_orders_per_minute FROM strategy_decisions;
DROP TABLE strategy_decisions;
ALTER TABLE strategy_decisions_by_mode RENAME TO strategy_decisions;

CREATE TABLE tokens_by_mode (
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    mode TEXT NOT NULL DEFAULT '',
    account TEXT NOT NULL DEFAULT '',
    CONSTRAINT tokens_pk PRIMARY KEY (mode, account, name),
    CONSTRAINT tokens_hash UNIQUE (hash),
    CONSTRAINT tokens_role CHECK (role IN ('viewer', 'trader', 'admin'))
);
INSERT INTO tokens_by_mode (name, role, hash, created_at_ms) SELECT name, role, hash, created_at_ms FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_by_mode RENAME TO tokens;
-- The first token of a host is made just before its first session begins. It is live's if that session was, and none before it was another.
UPDATE tokens SET mode = 'live', account = COALESCE(
    (SELECT s.account FROM sessions s WHERE s.started_at_ms >= tokens.created_at_ms ORDER BY s.started_at_ms LIMIT 1),
    (SELECT s.account FROM sessions s WHERE s.started_at_ms < tokens.created_at_ms ORDER BY s.started_at_ms DESC LIMIT 1))
WHERE COALESCE(
    (SELECT s.mode FROM sessions s WHERE s.started_at_ms >= tokens.created_at_ms ORDER BY s.started_at_ms LIMIT 1),
    (SELECT s.mode FROM sessions s WHERE s.started_at_ms < tokens.created_at_ms ORDER BY s.started_at_ms DESC LIMIT 1)) = 'live'
AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.started_at_ms < tokens.created_at_ms AND s.mode <> 'live');
