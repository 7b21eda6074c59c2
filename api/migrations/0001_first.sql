-- One text for SQLite and PostgreSQL: only TEXT and BIGINT, ids as TEXT, times as BIGINT milliseconds since
-- 1970 (UTC), JSON as TEXT, booleans as 0 and 1.

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    tenant TEXT NOT NULL,
    scopes TEXT NOT NULL,
    lookup TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL
);
CREATE INDEX tokens_by_lookup ON tokens (lookup);

CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- Every upload is a revision, known by its digest; one of them is active.
CREATE TABLE problems (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    blob TEXT NOT NULL,
    languages TEXT,
    view TEXT NOT NULL,
    active BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (name, digest)
);
CREATE UNIQUE INDEX problems_active ON problems (name) WHERE active = 1;

-- `content` is what was sent: files, tests, limits, all.
CREATE TABLE submissions (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    problem TEXT,
    language TEXT NOT NULL,
    priority TEXT NOT NULL,
    external_id TEXT,
    participant TEXT,
    labels TEXT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX submissions_by_tenant ON submissions (tenant, id);

-- Judgements are history: numbered, one current, immutable once done. The tests of a finished judgement stand
-- in its `result` document: it is always read and written whole, so rows of their own would cost one insert a
-- test and a join a poll, and buy nothing. Live progress is not stored: events are hints.
CREATE TABLE judgements (
    id TEXT NOT NULL PRIMARY KEY,
    submission_id TEXT NOT NULL REFERENCES submissions (id),
    number BIGINT NOT NULL,
    cause TEXT NOT NULL,
    current BIGINT NOT NULL,
    state TEXT NOT NULL,
    problem_name TEXT,
    problem_digest TEXT,
    problem_blob TEXT,
    attempt BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    worker_id TEXT,
    lease_until_ms BIGINT,
    verdict TEXT,
    score TEXT,
    result TEXT,
    created_ms BIGINT NOT NULL,
    done_ms BIGINT,
    UNIQUE (submission_id, number)
);
CREATE UNIQUE INDEX judgements_current ON judgements (submission_id) WHERE current = 1;
CREATE INDEX judgements_leased ON judgements (lease_until_ms) WHERE state = 'running';

-- One row per granted claim.
CREATE TABLE attempts (
    judgement_id TEXT NOT NULL REFERENCES judgements (id),
    attempt BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    worker_id TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    outcome TEXT,
    cause TEXT,
    PRIMARY KEY (judgement_id, attempt)
);

-- What is waiting to be judged, from acceptance to the end. In one process it is the queue itself: a worker
-- leases rows. With a broker it is the outbox: the dispatcher leases a row, publishes it and stamps it.
CREATE TABLE jobs (
    judgement_id TEXT NOT NULL PRIMARY KEY REFERENCES judgements (id),
    priority BIGINT NOT NULL,
    capability TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    visible_ms BIGINT NOT NULL,
    deliveries BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until_ms BIGINT NOT NULL,
    published_ms BIGINT
);
CREATE INDEX jobs_by_urgency ON jobs (priority, created_ms, judgement_id);

CREATE TABLE workers (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    registration TEXT NOT NULL,
    registered_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    draining BIGINT NOT NULL
);
CREATE INDEX judgements_open ON judgements (state) WHERE state IN ('queued', 'running');
