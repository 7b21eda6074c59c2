-- A tenant's list by what it asks for is read off an index, however much is stored, and not looked for among all of its
-- submissions. Those of 0002 stay for whoever sees every tenant's.
CREATE INDEX submissions_of_state ON submissions (tenant, state, id);
CREATE INDEX submissions_of_language ON submissions (tenant, language, id);
CREATE INDEX submissions_of_problem ON submissions (tenant, problem, id) WHERE problem IS NOT NULL;
CREATE INDEX submissions_of_participant ON submissions (tenant, participant, id) WHERE participant IS NOT NULL;
CREATE INDEX submissions_of_external_id ON submissions (tenant, external_id, id) WHERE external_id IS NOT NULL;
-- Whose the submission is stands with its judgements too: what has one verdict is found among a tenant's own.
ALTER TABLE judgements ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local';
UPDATE judgements SET tenant = (SELECT s.tenant FROM submissions s WHERE s.id = judgements.submission_id);
CREATE INDEX judgements_of_verdict ON judgements (tenant, verdict, submission_id) WHERE current = 1;
