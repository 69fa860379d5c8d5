-- How many tickets of an event a user holds (PENDING and CONFIRMED), where MAX_LIVE_PER_USER was ever looked at: read and
-- written under the event's lock, like its counters. type_no -1 means all of the event's tickets. Nothing is referred to: a
-- row's user and event have a booking, which cannot lose them.
--
-- No table is rewritten, and none is locked for longer than it takes to add a column without a value. Programs older than
-- this migration may run beside it.
CREATE TABLE customer_stock (
    event_id UUID     NOT NULL,
    user_id  UUID     NOT NULL,
    type_no  SMALLINT NOT NULL,
    live     INTEGER  NOT NULL,
    CONSTRAINT customer_stock_pkey PRIMARY KEY (event_id, user_id, type_no),
    CONSTRAINT customer_stock_live_check CHECK (live >= 0)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

-- The number of the journal's entry up to which those rows were kept; NULL: they are not. A program that knows nothing of
-- them leaves it behind when it sells, so that the next one that does counts anew.
ALTER TABLE event_stock ADD COLUMN counted_seq BIGINT;
