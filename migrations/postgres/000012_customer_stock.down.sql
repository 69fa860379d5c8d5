-- What users hold can be counted from their bookings at any time.
ALTER TABLE event_stock DROP COLUMN counted_seq;
DROP TABLE customer_stock;
