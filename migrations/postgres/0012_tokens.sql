-- When a token ends, if it does; and the data folder whose admin.token it is, empty for those that an operator made.
ALTER TABLE tokens ADD COLUMN expires_at_ms BIGINT;
ALTER TABLE tokens ADD COLUMN folder TEXT NOT NULL DEFAULT '';
