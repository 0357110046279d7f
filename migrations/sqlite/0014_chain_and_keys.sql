-- Who did it with which role, from where, and what it was before and after; and the chain: each row has the hash of the one before. Rows from
-- before this migration have no hash; the first that has one covers them.
ALTER TABLE audit ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN old_value TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN new_value TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN previous TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';
-- Two rows never follow the same one, whichever hosts write them.
CREATE UNIQUE INDEX audit_previous ON audit (previous) WHERE hash <> '';

-- Requests that came with a key of their own, and their answers. Primary, as tokens and audit are; rows are kept for a day.
CREATE TABLE request_keys (
    mode TEXT NOT NULL,
    account TEXT NOT NULL,
    who TEXT NOT NULL,
    name TEXT NOT NULL,
    -- SHA-256 of method, path and body.
    request TEXT NOT NULL,
    session BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    -- 0 while it runs.
    status BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    etag TEXT NOT NULL,
    body TEXT NOT NULL,
    -- 1 if the body is not kept, since it has a secret.
    secret BIGINT NOT NULL,
    CONSTRAINT request_keys_pk PRIMARY KEY (mode, account, who, name),
    CONSTRAINT request_keys_secret CHECK (secret IN (0, 1))
);
CREATE INDEX request_keys_at ON request_keys (at_ms);
