-- Mails that flows have sent, by the names that the event log has for them. One waits until `next_at`, is
-- `sending` while the mail server has it in hand, and is over afterwards.

CREATE TABLE mails (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    call_id BIGINT,
    address TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C",
    asked_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    problem TEXT COLLATE "C" NOT NULL,
    ended_at BIGINT
);
CREATE INDEX mails_listed ON mails (tenant_id, id);
CREATE INDEX mails_over ON mails (tenant_id, asked_at);
CREATE INDEX mails_due ON mails (state, next_at);

-- No value of a row stands in the statistics of the server.
ALTER TABLE mails ALTER COLUMN address SET STATISTICS 0;
ALTER TABLE mails ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE mails ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE mails ALTER COLUMN document SET STATISTICS 0;
ALTER TABLE mails ALTER COLUMN state SET STATISTICS 0;
ALTER TABLE mails ALTER COLUMN problem SET STATISTICS 0;
