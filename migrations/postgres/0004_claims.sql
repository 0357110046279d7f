-- What the host has redeemed and merged through the venue's relayer, and what became of it. Primary: a row is written before the batch
-- leaves, so that a crash neither loses nor repeats one.
CREATE TABLE claims (
    account TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    market TEXT NOT NULL,
    condition_id TEXT NOT NULL,
    size_micros BIGINT NOT NULL,
    worth_micro_usd BIGINT NOT NULL,
    nonce BIGINT NOT NULL,
    deadline_s BIGINT NOT NULL,
    state TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    transaction_hash TEXT NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT claims_pk PRIMARY KEY (account, created_at_ms),
    CONSTRAINT claims_kind CHECK (kind IN ('redeem', 'merge')),
    CONSTRAINT claims_state CHECK (state IN ('signed', 'sent', 'unknown', 'confirmed', 'used', 'failed'))
);
