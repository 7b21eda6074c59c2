-- What is held: submissions of this problem or in this language wait until it is released. As in 0001: only TEXT and
-- BIGINT.
CREATE TABLE holds (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
