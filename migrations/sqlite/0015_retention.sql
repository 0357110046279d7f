-- Refusals and states of orders are removed by age too.
CREATE INDEX refusals_by_time ON refusals (at_ms);
CREATE INDEX order_events_by_time ON order_events (at_ms);
