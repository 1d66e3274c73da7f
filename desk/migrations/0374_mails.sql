-- Mails that flows have sent, by the names that the event log has for them. One waits until `next_at`, is
-- `sending` while the mail server has it in hand, and is over afterwards.

CREATE TABLE mails (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    call_id BIGINT,
    address TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    document TEXT,
    asked_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    problem TEXT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX mails_listed ON mails (tenant_id, id);
CREATE INDEX mails_over ON mails (tenant_id, asked_at);
CREATE INDEX mails_due ON mails (state, next_at);
