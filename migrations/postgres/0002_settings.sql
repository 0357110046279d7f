-- Limits that an operator changed while the host ran; they hold after a restart too. Primary, as tokens and audit are.
CREATE TABLE settings (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT settings_pk PRIMARY KEY (name)
);
