-- By which number a strategy names a market: given once, the same in every session, and never another market's. Primary.
CREATE TABLE market_places (
    strategy BIGINT NOT NULL,
    condition_id TEXT NOT NULL,
    place BIGINT NOT NULL,
    CONSTRAINT market_places_pk PRIMARY KEY (strategy, condition_id),
    CONSTRAINT market_places_place UNIQUE (strategy, place),
    CONSTRAINT market_places_range CHECK (place BETWEEN 0 AND 2147483647)
);
