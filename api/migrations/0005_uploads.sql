-- Bytes a tenant uploaded, to name them by digest in submissions. A digest opens nothing for a tenant that never had
-- the bytes. As in 0001: only TEXT and BIGINT.
CREATE TABLE uploads (
    tenant TEXT NOT NULL,
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, digest)
);
CREATE INDEX uploads_by_age ON uploads (created_ms);
CREATE INDEX uploads_by_digest ON uploads (digest);
