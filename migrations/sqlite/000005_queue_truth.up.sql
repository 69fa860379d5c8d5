-- What the reconciler must remember to tell a message that a queue has lost from one that still waits in it.

-- Bookings whose message was lost and published again, and when last: until the queue has come that far, they wait.
CREATE TABLE republished (
    event_id   BLOB    NOT NULL,
    booking_id BLOB    NOT NULL,
    at         INTEGER NOT NULL,
    CONSTRAINT republished_pkey PRIMARY KEY (event_id, booking_id),
    CONSTRAINT republished_booking_fkey FOREIGN KEY (booking_id) REFERENCES bookings (id)
) STRICT, WITHOUT ROWID;

-- Queues that live in one process each: how old the oldest message is that each holds, and when its process said so last.
CREATE TABLE queue_members (
    id      BLOB    NOT NULL,
    oldest  INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT queue_members_pkey PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

-- A copy of this database has its id, too. What the database's own workers change every few seconds tells the two apart.
ALTER TABLE installation ADD COLUMN token BLOB;
ALTER TABLE installation ADD COLUMN previous BLOB;
ALTER TABLE installation ADD COLUMN turned_at INTEGER;
