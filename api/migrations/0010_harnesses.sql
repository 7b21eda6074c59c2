-- Whether a course's autograder is to grade it. As in 0001: only TEXT and BIGINT.
ALTER TABLE submissions ADD COLUMN harness BIGINT NOT NULL DEFAULT 0;
-- A quote within a text of the content has a backslash before it, so this stands nowhere but at the key.
UPDATE submissions SET harness = 1 WHERE content LIKE '%"harness":true%';
-- Only workers that can grade get these. The word stands with the architecture, where an API of the release before finds
-- no worker for it, and leaves it to this one.
UPDATE jobs SET capability = capability || '+harness' WHERE judgement_id IN
    (SELECT j.id FROM judgements j JOIN submissions s ON s.id = j.submission_id WHERE s.harness = 1);
