-- What kind of customer somebody is, in the tenant's own word.

ALTER TABLE customers ADD COLUMN class TEXT NOT NULL DEFAULT '';
