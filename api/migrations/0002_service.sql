-- What a service for several tenants needs. As in 0001: only TEXT and BIGINT, and one text for both databases.

-- A request that carried an `Idempotency-Key`, and the submissions it made. Kept for a day.
CREATE TABLE idempotency (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    submissions TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_ms);

-- Bounds of one tenant; null is no bound, and so is no row.
CREATE TABLE tenants (
    name TEXT NOT NULL PRIMARY KEY,
    per_minute BIGINT,
    unfinished_max BIGINT,
    running_max BIGINT,
    changed_ms BIGINT NOT NULL
);

-- Who changed what. Rows are only ever added.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);

ALTER TABLE tokens ADD COLUMN expires_ms BIGINT;
ALTER TABLE tokens ADD COLUMN revoked_ms BIGINT;
-- The most urgent class the token may ask for.
ALTER TABLE tokens ADD COLUMN priority TEXT NOT NULL DEFAULT 'contest';

-- Tenants take turns within a class: a job's turn is one after its tenant's last waiting one, and not before the
-- turn the class has come to.
ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local';
ALTER TABLE jobs ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
DROP INDEX jobs_by_urgency;
CREATE INDEX jobs_by_urgency ON jobs (priority, turn, created_ms, judgement_id);
CREATE INDEX jobs_by_tenant ON jobs (tenant, priority, turn);

CREATE TABLE labels (
    label TEXT NOT NULL,
    submission_id TEXT NOT NULL REFERENCES submissions (id),
    PRIMARY KEY (label, submission_id)
);
CREATE INDEX labels_by_submission ON labels (submission_id);

CREATE INDEX submissions_by_age ON submissions (tenant, created_ms);
CREATE INDEX submissions_by_external_id ON submissions (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX submissions_by_participant ON submissions (participant, id) WHERE participant IS NOT NULL;
CREATE INDEX submissions_by_problem ON submissions (problem, id) WHERE problem IS NOT NULL;
CREATE INDEX attempts_by_end ON attempts (ended_ms) WHERE outcome = 'judged';

-- A rejudge: new judgements beside the current ones, compared, then made current together or dropped.
CREATE TABLE rejudges (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    selection TEXT NOT NULL,
    apply_when_done BIGINT NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT
);
CREATE INDEX rejudges_open ON rejudges (state) WHERE state = 'running';
ALTER TABLE judgements ADD COLUMN rejudge_id TEXT;
-- Number of the judgement that was current when this one was made.
ALTER TABLE judgements ADD COLUMN replaces BIGINT;
CREATE INDEX judgements_by_rejudge ON judgements (rejudge_id) WHERE rejudge_id IS NOT NULL;
