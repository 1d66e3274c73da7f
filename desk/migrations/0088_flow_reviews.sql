-- Who wrote a draft, and who looked at it before it answers calls. Drafts from before have no rows:
-- of those it is not known who wrote them.

ALTER TABLE flow_versions ADD COLUMN revision BIGINT;
ALTER TABLE flow_versions ADD COLUMN approved_by BIGINT;

CREATE TABLE flow_edits (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    flow_id BIGINT NOT NULL REFERENCES flows (id),
    revision BIGINT NOT NULL,
    edited_at BIGINT NOT NULL,
    edited_by BIGINT,
    PRIMARY KEY (flow_id, revision)
);

CREATE TABLE flow_reviews (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    flow_id BIGINT NOT NULL REFERENCES flows (id),
    revision BIGINT NOT NULL,
    note TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    asked_by BIGINT,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    decided_at BIGINT,
    decided_by BIGINT
);
CREATE INDEX flow_reviews_by_flow ON flow_reviews (flow_id, id);

CREATE TRIGGER flow_edits_stay BEFORE UPDATE ON flow_edits
BEGIN SELECT RAISE(ABORT, 'flow_edits only grows'); END;
CREATE TRIGGER flow_edits_keep BEFORE DELETE ON flow_edits
BEGIN SELECT RAISE(ABORT, 'flow_edits only grows'); END;
CREATE TRIGGER flow_reviews_stay BEFORE UPDATE ON flow_reviews WHEN OLD.state <> 'waiting'
BEGIN SELECT RAISE(ABORT, 'a decided review never changes'); END;
CREATE TRIGGER flow_reviews_keep BEFORE DELETE ON flow_reviews
BEGIN SELECT RAISE(ABORT, 'flow_reviews only grows'); END;
