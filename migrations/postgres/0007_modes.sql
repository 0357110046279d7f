-- What operators decide belongs to a mode and an account: limits, decisions about strategies, how long a version has been here, tokens.
-- In demo mode the account is empty: it is drawn anew at each start. Rows from before have neither: what they tighten holds in every mode,
-- what they loosen in none, until it is said again. A token from before opens no live host, unless everything says that it was made for one.
ALTER TABLE settings ADD COLUMN mode TEXT NOT NULL DEFAULT '';
ALTER TABLE settings ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE settings DROP CONSTRAINT settings_pk;
ALTER TABLE settings ADD CONSTRAINT settings_pk PRIMARY KEY (mode, account, name);

ALTER TABLE strategies ADD COLUMN mode TEXT NOT NULL DEFAULT '';
ALTER TABLE strategies ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE strategies DROP CONSTRAINT strategies_pk;
ALTER TABLE strategies ADD CONSTRAINT strategies_pk PRIMARY KEY (mode, account, hash, name);

ALTER TABLE strategy_decisions ADD COLUMN mode TEXT NOT NULL DEFAULT '';
ALTER TABLE strategy_decisions ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE strategy_decisions DROP CONSTRAINT strategy_decisions_pk;
ALTER TABLE strategy_decisions ADD CONSTRAINT strategy_decisions_pk PRIMARY KEY (mode, account, name);

ALTER TABLE tokens ADD COLUMN mode TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens DROP CONSTRAINT tokens_pk;
ALTER TABLE tokens ADD CONSTRAINT tokens_pk PRIMARY KEY (mode, account, name);
-- The first token of a host is made just before its first session begins. It is live's if that session was, and none before it was another.
UPDATE tokens SET mode = 'live', account = COALESCE(
    (SELECT s.account FROM sessions s WHERE s.started_at_ms >= tokens.created_at_ms ORDER BY s.started_at_ms LIMIT 1),
    (SELECT s.account FROM sessions s WHERE s.started_at_ms < tokens.created_at_ms ORDER BY s.started_at_ms DESC LIMIT 1))
WHERE COALESCE(
    (SELECT s.mode FROM sessions s WHERE s.started_at_ms >= tokens.created_at_ms ORDER BY s.started_at_ms LIMIT 1),
    (SELECT s.mode FROM sessions s WHERE s.started_at_ms < tokens.created_at_ms ORDER BY s.started_at_ms DESC LIMIT 1)) = 'live'
AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.started_at_ms < tokens.created_at_ms AND s.mode <> 'live');
