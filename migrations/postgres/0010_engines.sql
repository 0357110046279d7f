-- The engine that trades on an account in a mode. `beats` counts up while it lives.
CREATE TABLE engines (
    account TEXT NOT NULL,
    mode TEXT NOT NULL,
    holder TEXT NOT NULL,
    machine TEXT NOT NULL,
    place TEXT NOT NULL,
    beats BIGINT NOT NULL,
    PRIMARY KEY (account, mode)
);
