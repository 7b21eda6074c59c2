-- What a worker's disk could take of packages, as JSON; what a job needs of it, in bytes, and what needs it (`package`,
-- `image`); what a package takes unpacked, 0 where nobody looked. As in 0001: only TEXT and BIGINT.
ALTER TABLE workers ADD COLUMN room TEXT;
ALTER TABLE jobs ADD COLUMN room BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN room_for TEXT NOT NULL DEFAULT 'package';
ALTER TABLE problems ADD COLUMN unpacked BIGINT NOT NULL DEFAULT 0;
