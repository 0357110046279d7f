-- Alerts that an operator has seen: repeats of a kind about a subject are not sent until then. Primary, as tokens and the audit are.
CREATE TABLE acknowledgements (
    mode TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    CONSTRAINT acknowledgements_pk PRIMARY KEY (mode, account, kind, subject)
);
