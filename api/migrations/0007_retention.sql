-- Keeping things only so long. As in 0001: only TEXT and BIGINT. Days of a tenant's own; null is what the service has.
ALTER TABLE tenants ADD COLUMN sources_days BIGINT;
ALTER TABLE tenants ADD COLUMN outputs_days BIGINT;
ALTER TABLE tenants ADD COLUMN judgements_days BIGINT;

ALTER TABLE submissions ADD COLUMN sources_erased_ms BIGINT;
ALTER TABLE submissions ADD COLUMN outputs_erased_ms BIGINT;
-- What is left to erase, so that a look costs the same however much was erased before.
CREATE INDEX submissions_with_sources ON submissions (tenant, created_ms) WHERE sources_erased_ms IS NULL;
CREATE INDEX submissions_with_outputs ON submissions (tenant, created_ms) WHERE outputs_erased_ms IS NULL;

-- A revision that is about to be deleted is taken by no new submission; an hour later nobody can be about to name it.
ALTER TABLE problems ADD COLUMN retired_ms BIGINT;
CREATE INDEX judgements_by_blob ON judgements (problem_blob) WHERE problem_blob IS NOT NULL;

-- W3C trace context of the request that sent it.
ALTER TABLE submissions ADD COLUMN traceparent TEXT;
