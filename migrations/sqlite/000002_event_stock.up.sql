-- Nothing to change here: SQLite keeps no old versions of a row, so an event's counters may stay on it. The number is
-- taken because both stores count alike.
SELECT 1;
