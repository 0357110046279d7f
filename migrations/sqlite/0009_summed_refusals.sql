-- Equal refusals of a minute are one row: how many there were, and when the last was. The first is at at_ms.
ALTER TABLE refusals ADD COLUMN count BIGINT NOT NULL DEFAULT 1;
ALTER TABLE refusals ADD COLUMN last_at_ms BIGINT NOT NULL DEFAULT 0;
UPDATE refusals SET last_at_ms = at_ms;

-- By age, for the ceiling of this table.
CREATE INDEX order_events_by_age ON order_events (session, seq);
