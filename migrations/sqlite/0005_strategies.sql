-- Where a module came from and when it was loaded last, beside when it was first seen.
ALTER TABLE strategies ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE strategies ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE strategies ADD COLUMN loaded_at_ms BIGINT NOT NULL DEFAULT 0;

-- What operators decided about a strategy; it holds after a restart too. Primary, as tokens and audit are.
CREATE TABLE strategy_decisions (
    name TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    -- A version that runs although the file is another, and the file over which it was chosen; empty if the file's runs.
    pinned TEXT NOT NULL,
    over_file TEXT NOT NULL,
    -- The version that may trade real money; empty if none may.
    armed TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT strategy_decisions_pk PRIMARY KEY (name),
    CONSTRAINT strategy_decisions_disabled CHECK (disabled IN (0, 1))
);
