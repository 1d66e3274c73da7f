-- The mail address of a person who was asked to be forgotten by it, alone or beside their number. It is
-- sealed, and gone when the erasure has ended.

ALTER TABLE erasures ADD COLUMN mail_sealed TEXT COLLATE "C";

-- No value of a row stands in the statistics of the server.
ALTER TABLE erasures ALTER COLUMN mail_sealed SET STATISTICS 0;
