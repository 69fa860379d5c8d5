-- What happens at an event is written down once, in order and without a gap: one row for each batch that changes something,
-- numbered under the event's lock. The payments' outbox, which named bookings, becomes a pointer to such a row.
--
-- Programs older than this migration cannot run beside it, for what they change is in no journal: stop them before. They can
-- make no event and no booking any more, because two columns have no default.

CREATE TABLE journal (
    event_id UUID        NOT NULL,
    seq      BIGINT      NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    -- Transactions that have ended are told from others by this number: the feed of all events is read in its order.
    tx       XID8        NOT NULL DEFAULT pg_current_xact_id(),
    facts    BYTEA       NOT NULL, -- package journal writes and reads them
    CONSTRAINT journal_pkey PRIMARY KEY (event_id, seq),
    CONSTRAINT journal_event_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT journal_seq_check CHECK (seq >= 1),
    CONSTRAINT journal_facts_check CHECK (length(facts) > 4)
);
CREATE INDEX journal_tx_idx ON journal (tx);
-- Ids are random: to compress them costs time and saves little.
ALTER TABLE journal ALTER COLUMN facts SET STORAGE EXTERNAL;

-- One row: epoch names this database's row of numbers, which a dump does not carry over, and pruned is up to where entries
-- were taken out of the feed of all events.
CREATE TABLE journal_state (
    id     SMALLINT NOT NULL DEFAULT 1,
    epoch  INTEGER  NOT NULL,
    pruned XID8     NOT NULL DEFAULT '0',
    CONSTRAINT journal_state_pkey PRIMARY KEY (id),
    CONSTRAINT journal_state_one_row_check CHECK (id = 1)
);
INSERT INTO journal_state (epoch) VALUES (floor(random() * 2147483647)::integer);

-- The number of the newest entry stands beside the counters, in the row that every batch reads and writes anyway.
ALTER TABLE event_stock ADD COLUMN journal_seq BIGINT NOT NULL DEFAULT 1;
ALTER TABLE event_stock
    ALTER COLUMN journal_seq DROP DEFAULT,
    ADD CONSTRAINT event_stock_journal_seq_check CHECK (journal_seq >= 1) NOT VALID;
ALTER TABLE event_stock VALIDATE CONSTRAINT event_stock_journal_seq_check;

-- Events from before begin with what they had by now: the format's number, the currency, the kind of fact, twelve numbers.
INSERT INTO journal (event_id, seq, at, facts)
SELECT e.id, 1, now(), '\x01'::bytea || convert_to(e.currency, 'UTF8') || '\x01'::bytea
    || int8send(s.total_tickets) || int8send(s.available) || int8send(s.held) || int8send(s.sold)
    || int8send((s.held_amount / f.factor)::bigint) || int8send((s.sold_amount / f.factor)::bigint)
    || int8send(s.pending_count) || int8send(s.confirmed_count) || int8send(s.cancelled_count)
    || int8send((coalesce(m.charged, 0) / f.factor)::bigint) || int8send((coalesce(m.refunded, 0) / f.factor)::bigint)
    || int8send((coalesce(m.owed, 0) / f.factor)::bigint)
FROM events e
    JOIN event_stock s ON s.event_id = e.id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN e.currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV',
            'XAF', 'XOF', 'XPF') THEN 1
        WHEN e.currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 0.001
        ELSE 0.01 END AS factor) f
    LEFT JOIN (
        SELECT p.event_id, sum(p.amount) AS charged, sum(r.refunded) AS refunded, sum(r.owed) AS owed
        FROM payments p
            JOIN events e ON e.id = p.event_id
            LEFT JOIN (
                SELECT event_id, booking_id, n, currency, sum(amount) AS refunded,
                    sum(amount) FILTER (WHERE status = 'pending') AS owed
                FROM refunds WHERE status <> 'failed' GROUP BY event_id, booking_id, n, currency
            ) r ON r.event_id = p.event_id AND r.booking_id = p.booking_id AND r.n = p.n AND r.currency = e.currency
        WHERE p.status = 'succeeded'
        GROUP BY p.event_id
    ) m ON m.event_id = e.id;

-- A row points to an entry, or names bookings that are published again.
ALTER TABLE outbox ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox
    ALTER COLUMN seq DROP DEFAULT,
    ALTER COLUMN booking_ids DROP NOT NULL,
    -- a wall for every batch with bookings: the entry has the same one, and is written before it
    DROP CONSTRAINT outbox_event_id_fkey,
    ADD CONSTRAINT outbox_seq_check CHECK ((seq > 0) = (booking_ids IS NULL)) NOT VALID;
ALTER TABLE outbox VALIDATE CONSTRAINT outbox_seq_check;
