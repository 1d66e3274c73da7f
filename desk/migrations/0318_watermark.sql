-- Which files that leave the house say who fetched them and when.

ALTER TABLE tenants ADD COLUMN watermark TEXT NOT NULL DEFAULT '{}';
