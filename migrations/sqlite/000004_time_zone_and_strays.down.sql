DROP TABLE strays;
ALTER TABLE events DROP COLUMN time_zone;
