-- The first charge of a booking stands in the booking's row for as long as nothing unusual befalls it: it is started, and it
-- succeeds and confirms the booking. Everything else (a second try, a doubt, a refusal, a refund, a second charge) moves it
-- into payments, where it stays; charge says which. The view charges is both.
--
-- What changes stands behind what does not, so that the log records little; and as each row is changed twice, half of each
-- page stays free for that. That a booking has a user and an event is checked once for each statement that makes bookings,
-- not twice for each row.
--
-- The tables are made anew (see docs/decisions/0014): 2,000,000 bookings take about a minute. Programs older than this
-- migration cannot run beside it: stop them before.

ALTER TABLE refunds DROP CONSTRAINT refunds_payment_fkey;
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_payment_fkey;
ALTER TABLE republished DROP CONSTRAINT republished_booking_fkey;
ALTER TABLE payments DROP CONSTRAINT payments_booking_fkey;
ALTER TABLE bookings RENAME TO bookings_before;
ALTER TABLE bookings_before
    DROP CONSTRAINT bookings_pkey,
    DROP CONSTRAINT bookings_event_id_id_key,
    DROP CONSTRAINT bookings_event_id_fkey,
    DROP CONSTRAINT bookings_user_id_fkey;
DROP INDEX bookings_user_id_idx;
DROP INDEX bookings_pending_idx;
DROP INDEX bookings_idempotency_key;

CREATE TABLE bookings (
    id                 UUID          NOT NULL,
    user_id            UUID          NOT NULL,
    event_id           UUID          NOT NULL,
    payment_deadline   TIMESTAMPTZ   NOT NULL,
    created_at         TIMESTAMPTZ   NOT NULL,
    quantity           INTEGER       NOT NULL,
    unit_price         NUMERIC(20,3) NOT NULL,
    total_amount       NUMERIC(20,3) NOT NULL,
    currency           CHAR(3)       NOT NULL,
    payment_method     VARCHAR(255)  NOT NULL,
    idempotency_key    VARCHAR(255),
    request_hash       BYTEA,
    -- what changes
    updated_at         TIMESTAMPTZ   NOT NULL,
    confirmed_at       TIMESTAMPTZ,
    cancelled_at       TIMESTAMPTZ,
    charged_at         TIMESTAMPTZ,  -- when the charge was started
    prepared_at        TIMESTAMPTZ,  -- when the gateway's reference was noted, if before its answer
    next_attempt_at    TIMESTAMPTZ,  -- of the charge: how long the one who has started it may take
    status             VARCHAR(9)    NOT NULL,
    charge             VARCHAR(9),   -- NULL: none was started; apart: see payments
    gateway            VARCHAR(64),
    provider_reference TEXT,
    cancel_reason      VARCHAR(20)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

INSERT INTO bookings (id, user_id, event_id, payment_deadline, created_at, quantity, unit_price, total_amount, currency,
        payment_method, idempotency_key, request_hash, updated_at, confirmed_at, cancelled_at, status, cancel_reason,
        charge, gateway, provider_reference, charged_at, prepared_at, next_attempt_at)
SELECT b.id, b.user_id, b.event_id, b.payment_deadline, b.created_at, b.quantity, b.unit_price, b.total_amount, b.currency,
    b.payment_method, b.idempotency_key, b.request_hash, b.updated_at, b.confirmed_at, b.cancelled_at, b.status, b.cancel_reason,
    CASE WHEN p.usual THEN p.status WHEN p.usual IS NOT NULL THEN 'apart' END,
    CASE WHEN p.usual THEN p.gateway END, CASE WHEN p.usual THEN p.provider_reference END,
    CASE WHEN p.usual THEN p.created_at END,
    CASE WHEN p.usual AND p.status = 'started' AND p.updated_at <> p.created_at THEN p.updated_at END,
    CASE WHEN p.usual THEN p.next_attempt_at END
FROM bookings_before b
    LEFT JOIN (
        SELECT b.event_id, b.id AS booking_id, f.status, f.gateway, f.provider_reference, f.created_at, f.updated_at, f.next_attempt_at,
            coalesce(f.n = 1 AND f.attempts = 1 AND f.last_error = '' AND f.refunded = 0 AND f.amount = b.total_amount
                AND f.currency = b.currency AND f.next_attempt_at IS NOT NULL
                AND (f.status = 'started' AND b.status = 'PENDING'
                    OR f.status = 'succeeded' AND b.status = 'CONFIRMED' AND f.updated_at = b.confirmed_at)
                AND f.others = 0 AND r.booking_id IS NULL AND l.booking_id IS NULL, false) AS usual
        FROM (
            SELECT *, count(*) OVER (PARTITION BY event_id, booking_id) - 1 AS others,
                min(n) OVER (PARTITION BY event_id, booking_id) AS first_n
            FROM payments
        ) f
            JOIN bookings_before b ON b.event_id = f.event_id AND b.id = f.booking_id
            LEFT JOIN (SELECT DISTINCT event_id, booking_id FROM refunds) r
                ON r.event_id = f.event_id AND r.booking_id = f.booking_id
            LEFT JOIN (SELECT DISTINCT event_id, booking_id FROM dead_letters WHERE booking_id IS NOT NULL) l
                ON l.event_id = f.event_id AND l.booking_id = f.booking_id
        WHERE f.n = f.first_n
    ) p ON p.event_id = b.event_id AND p.booking_id = b.id;

ALTER TABLE bookings
    ADD CONSTRAINT bookings_pkey PRIMARY KEY (id),
    ADD CONSTRAINT bookings_event_id_id_key UNIQUE (event_id, id),
    ADD CONSTRAINT bookings_quantity_check CHECK (quantity > 0),
    ADD CONSTRAINT bookings_amounts_check CHECK (unit_price >= 0 AND total_amount = unit_price * quantity),
    ADD CONSTRAINT bookings_status_check CHECK (
        (status = 'PENDING' AND cancel_reason IS NULL AND cancelled_at IS NULL AND confirmed_at IS NULL)
        OR (status = 'CONFIRMED' AND cancel_reason IS NULL AND cancelled_at IS NULL AND confirmed_at IS NOT NULL)
        OR (status = 'CANCELLED' AND cancelled_at IS NOT NULL AND cancel_reason IS NOT NULL
            AND cancel_reason IN ('user', 'expired', 'payment_declined', 'event_cancelled'))),
    ADD CONSTRAINT bookings_key_check CHECK (idempotency_key IS NULL OR request_hash IS NOT NULL),
    -- A charge in the row is one that goes as all should: money that was taken stands beside a ticket, and what is on its way
    -- has somebody who waits for it.
    ADD CONSTRAINT bookings_charge_check CHECK (
        CASE charge
            WHEN 'started' THEN status = 'PENDING' AND total_amount > 0 AND charged_at IS NOT NULL
            WHEN 'succeeded' THEN status = 'CONFIRMED' AND total_amount > 0 AND charged_at IS NOT NULL
            WHEN 'apart' THEN charged_at IS NULL
            ELSE charge IS NULL AND charged_at IS NULL
        END),
    ADD CONSTRAINT bookings_charged_check CHECK (
        (charged_at IS NULL) = (gateway IS NULL) AND (charged_at IS NULL) = (provider_reference IS NULL)
        AND (charged_at IS NULL) = (next_attempt_at IS NULL) AND (prepared_at IS NULL OR charged_at IS NOT NULL));

CREATE INDEX bookings_user_id_idx ON bookings (user_id, id);
-- The index of the status as well: only PENDING bookings are ever looked for by it.
CREATE INDEX bookings_pending_idx ON bookings (payment_deadline, id) WHERE status = 'PENDING';
-- By user first: a key is looked up for any event.
CREATE UNIQUE INDEX bookings_idempotency_key ON bookings (user_id, idempotency_key, event_id)
    WHERE idempotency_key IS NOT NULL;

-- What is left in payments.
ALTER TABLE payments RENAME TO payments_before;
ALTER TABLE payments_before DROP CONSTRAINT payments_pkey;
DROP INDEX payments_open_idx;
CREATE TABLE payments (LIKE payments_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
INSERT INTO payments SELECT p.* FROM payments_before p
    JOIN bookings b ON b.event_id = p.event_id AND b.id = p.booking_id WHERE b.charge = 'apart';
ALTER TABLE payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (event_id, booking_id, n),
    ADD CONSTRAINT payments_booking_fkey FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id);
CREATE INDEX payments_open_idx ON payments (next_attempt_at) WHERE status IN ('started', 'doubtful', 'pending', 'unknown');
DROP TABLE payments_before;
DROP TABLE bookings_before;

ALTER TABLE refunds ADD CONSTRAINT refunds_payment_fkey
    FOREIGN KEY (event_id, booking_id, n) REFERENCES payments (event_id, booking_id, n);
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_payment_fkey
    FOREIGN KEY (event_id, booking_id, n) REFERENCES payments (event_id, booking_id, n);
ALTER TABLE republished ADD CONSTRAINT republished_booking_fkey
    FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id);

-- All charges, wherever they stand.
CREATE VIEW charges AS
SELECT event_id, id AS booking_id, 1 AS n, gateway, total_amount AS amount, currency, charge::varchar(16) AS status, 1 AS attempts,
    ''::text AS last_error, provider_reference, next_attempt_at, charged_at AS created_at,
    CASE charge WHEN 'started' THEN coalesce(prepared_at, charged_at) ELSE confirmed_at END AS updated_at, 0::numeric AS refunded
FROM bookings WHERE charge IN ('started', 'succeeded')
UNION ALL
SELECT event_id, booking_id, n, gateway, amount, currency, status, attempts, last_error, provider_reference, next_attempt_at,
    created_at, updated_at, refunded
FROM payments;

-- The wall between bookings and what they refer to is as high as that of a foreign key, whoever writes: what is referred to
-- is locked against being removed, and whoever removes it looks for those who refer to it, after having waited for them.
CREATE FUNCTION bookings_refer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    missing UUID;
BEGIN
    SELECT m.user_id INTO missing FROM (SELECT user_id FROM made ORDER BY user_id) m
        LEFT JOIN LATERAL (SELECT true AS is_there FROM users WHERE id = m.user_id FOR KEY SHARE) u ON true
        WHERE u.is_there IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'bookings_user_id_fkey', TABLE = 'bookings',
            MESSAGE = format('there is no user %s that a booking could be of', missing);
    END IF;
    SELECT m.event_id INTO missing FROM (SELECT DISTINCT event_id FROM made ORDER BY event_id) m
        LEFT JOIN LATERAL (SELECT true AS is_there FROM events WHERE id = m.event_id FOR KEY SHARE) e ON true
        WHERE e.is_there IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'bookings_event_id_fkey', TABLE = 'bookings',
            MESSAGE = format('there is no event %s that a booking could be of', missing);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bookings_refer AFTER INSERT ON bookings REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION bookings_refer();

-- Nobody gives a booking to somebody else.
CREATE FUNCTION bookings_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_id <> OLD.user_id THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'bookings_user_id_fkey', TABLE = 'bookings',
            MESSAGE = format('booking %s stays its user''s', OLD.id);
    ELSIF NEW.event_id <> OLD.event_id THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'bookings_event_id_fkey', TABLE = 'bookings',
            MESSAGE = format('booking %s stays its event''s', OLD.id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bookings_keep AFTER UPDATE OF user_id, event_id ON bookings FOR EACH ROW EXECUTE FUNCTION bookings_keep();

-- A transaction with one snapshot for all its statements would not see the bookings that it has waited for.
CREATE FUNCTION bookings_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held BOOLEAN;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN
        RETURN NULL;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE feature_not_supported USING MESSAGE = format('rows of %s are removed in READ COMMITTED only', TG_TABLE_NAME);
    END IF;
    CASE TG_TABLE_NAME
        WHEN 'users' THEN held := EXISTS (SELECT FROM bookings WHERE user_id = OLD.id);
        WHEN 'events' THEN held := EXISTS (SELECT FROM bookings WHERE event_id = OLD.id);
    END CASE;
    IF held THEN
        RAISE foreign_key_violation USING CONSTRAINT = format('bookings_%s_id_fkey', left(TG_TABLE_NAME, -1)), TABLE = 'bookings',
            MESSAGE = format('%s of %s is referred to by bookings', OLD.id, TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bookings_hold_1 AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION bookings_hold();
CREATE TRIGGER bookings_hold_2 AFTER UPDATE OF id ON users FOR EACH ROW EXECUTE FUNCTION bookings_hold();
CREATE TRIGGER bookings_hold_1 AFTER DELETE ON events FOR EACH ROW EXECUTE FUNCTION bookings_hold();
CREATE TRIGGER bookings_hold_2 AFTER UPDATE OF id ON events FOR EACH ROW EXECUTE FUNCTION bookings_hold();

-- Looked at afterwards: what one statement empties together refers to nothing any more.
CREATE FUNCTION bookings_hold_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE feature_not_supported USING MESSAGE = format('%s are emptied in READ COMMITTED only', TG_TABLE_NAME);
    END IF;
    IF EXISTS (SELECT FROM bookings) THEN
        RAISE feature_not_supported USING MESSAGE = format('%s are referred to by bookings', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bookings_hold_all AFTER TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION bookings_hold_all();
CREATE TRIGGER bookings_hold_all AFTER TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION bookings_hold_all();

-- They mean these very tables, whatever a session puts before them.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION bookings_refer() SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION bookings_hold() SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION bookings_hold_all() SET search_path = %I, pg_temp', current_schema());
END $$;
