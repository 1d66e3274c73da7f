-- By which numbers the reports of a tenant count, and when its day begins.

ALTER TABLE tenants ADD COLUMN report_settings TEXT NOT NULL DEFAULT '{}';
