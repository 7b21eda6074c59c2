-- What a worker told of itself is some kilobytes of JSON, read with every look at the queue and changed only when it
-- registers; `revision` is a new word each time, so that a look need not read it again. As in 0001: only TEXT and BIGINT.
ALTER TABLE workers ADD COLUMN revision TEXT NOT NULL DEFAULT '';
