-- What an operator wants of a worker (`work`, `cordon`, `drain`), why it may not be trusted with timed work, and what it
-- counted, as JSON. As in 0001: only TEXT and BIGINT.
ALTER TABLE workers ADD COLUMN wanted TEXT NOT NULL DEFAULT 'work';
ALTER TABLE workers ADD COLUMN unfit TEXT;
ALTER TABLE workers ADD COLUMN counted TEXT;

-- What a job needs of a worker, beside the architecture in `capability`, and the class of workers it was published to.
ALTER TABLE jobs ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN exact BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN route TEXT;
UPDATE jobs SET language = (SELECT s.language FROM submissions s JOIN judgements j ON j.submission_id = s.id
    WHERE j.id = jobs.judgement_id);

-- Whether figures have to be exact.
ALTER TABLE submissions ADD COLUMN exact BIGINT NOT NULL DEFAULT 0;
