-- How many tickets of an event a user holds (PENDING and CONFIRMED), where MAX_LIVE_PER_USER was ever looked at. type_no -1
-- means all of the event's tickets. Nothing is referred to: a row's user and event have a booking, which cannot lose them.
CREATE TABLE customer_stock (
    event_id BLOB    NOT NULL,
    user_id  BLOB    NOT NULL,
    type_no  INTEGER NOT NULL,
    live     INTEGER NOT NULL,
    CONSTRAINT customer_stock_pkey PRIMARY KEY (event_id, user_id, type_no),
    CONSTRAINT customer_stock_live_check CHECK (live >= 0)
) STRICT, WITHOUT ROWID;

-- The number of the journal's entry up to which those rows were kept; NULL: they are not. A program that knows nothing of
-- them leaves it behind when it sells, so that the next one that does counts anew.
ALTER TABLE events ADD COLUMN counted_seq INTEGER;
