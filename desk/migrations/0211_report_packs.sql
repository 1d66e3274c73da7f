-- A schedule may make several reports in one run: beyond the first of schedules.saved_report_id, in
-- their order. The files of the further ones are one document.

CREATE TABLE schedule_reports (
    schedule_id BIGINT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    place BIGINT NOT NULL,
    saved_report_id BIGINT NOT NULL REFERENCES saved_reports (id),
    PRIMARY KEY (schedule_id, place)
);

ALTER TABLE report_runs ADD COLUMN more_files TEXT NOT NULL DEFAULT '[]';
