-- Calling back. As in 0001: only TEXT and BIGINT, and one text for both databases.

-- What a tenant's deliveries are signed with. The signer needs the text itself, so it is no hash.
CREATE TABLE webhook_secrets (
    tenant TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

ALTER TABLE submissions ADD COLUMN callback_url TEXT;
-- Whether whoever sent it may see the judge's view.
ALTER TABLE submissions ADD COLUMN callback_judge BIGINT NOT NULL DEFAULT 0;

-- Deliveries, written with the change they tell of. `due_ms` is also the lease of the one that is being made.
CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    submission_id TEXT NOT NULL REFERENCES submissions (id),
    url TEXT NOT NULL,
    judge BIGINT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    -- Tries before it was asked for again: those do not count towards giving up.
    tries_before BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT
);
CREATE INDEX webhooks_due ON webhooks (due_ms) WHERE state = 'waiting';
CREATE INDEX webhooks_by_tenant ON webhooks (tenant, id);
CREATE INDEX webhooks_by_submission ON webhooks (submission_id);

CREATE TABLE webhook_tries (
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    number BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    -- HTTP status, null when there was no answer.
    status BIGINT,
    error TEXT,
    PRIMARY KEY (webhook_id, number)
);

-- Few at any time; counted by every look at the metrics.
CREATE INDEX submissions_held ON submissions (state) WHERE state = 'held';
