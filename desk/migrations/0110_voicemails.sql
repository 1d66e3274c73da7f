-- Messages that callers left for a queue's people, until their recordings are deleted, and who has heard
-- them.

CREATE TABLE voicemails (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    recording_id BIGINT NOT NULL,
    queue_id BIGINT NOT NULL,
    left_at BIGINT NOT NULL,
    heard_at BIGINT,
    heard_by BIGINT,
    PRIMARY KEY (tenant_id, recording_id)
);
CREATE INDEX voicemails_by_queue ON voicemails (tenant_id, queue_id, left_at);
