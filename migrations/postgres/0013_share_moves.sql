-- Shares that were added or removed without a trade: split, merged, redeemed, converted. The rows of a session are derived from its
-- journal; `polytrader db rebuild` writes those of earlier sessions.
CREATE TABLE share_moves (
    session BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    place BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    token TEXT NOT NULL,
    market TEXT NOT NULL,
    outcome TEXT NOT NULL,
    size_micros BIGINT NOT NULL,
    comes BIGINT NOT NULL,
    dollars_micro_usd BIGINT NOT NULL,
    CONSTRAINT share_moves_pk PRIMARY KEY (session, seq, place),
    CONSTRAINT share_moves_comes CHECK (comes IN (0, 1))
);
CREATE INDEX share_moves_by_time ON share_moves (at_ms, session);
