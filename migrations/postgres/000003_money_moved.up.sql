-- Money goes back in parts, and not only because it was asked for here: somebody gives it back at the gateway, or a bank
-- takes it. Each such movement is a refund of its own, and payments.refunded is what they add up to: the constraint is the
-- wall against giving back more than was taken.
--
-- No table is rewritten, and none is locked for longer than it takes to look at its rows once. Programs older than this
-- migration go on beside it, but do not keep payments.refunded, which the audit tells: stop them soon.

ALTER TABLE payments ADD COLUMN refunded NUMERIC(20,3) NOT NULL DEFAULT 0;
UPDATE payments p SET refunded = r.amount FROM refunds r
    WHERE r.event_id = p.event_id AND r.booking_id = p.booking_id AND r.n = p.n;
ALTER TABLE payments ADD CONSTRAINT payments_refunded_check CHECK (refunded >= 0 AND refunded <= amount) NOT VALID;
ALTER TABLE payments VALIDATE CONSTRAINT payments_refunded_check;

ALTER TABLE refunds
    ADD COLUMN part   SMALLINT NOT NULL DEFAULT 1,
    ADD COLUMN reason TEXT;
CREATE UNIQUE INDEX refunds_part_key ON refunds (event_id, booking_id, n, part);
ALTER TABLE refunds
    DROP CONSTRAINT refunds_pkey,
    ADD CONSTRAINT refunds_pkey PRIMARY KEY USING INDEX refunds_part_key;
-- A bank may take what had been given back before: that is to be known, and nothing is left that it could add up to.
ALTER TABLE refunds
    DROP CONSTRAINT refunds_amount_check,
    DROP CONSTRAINT refunds_status_check,
    ADD CONSTRAINT refunds_amount_check CHECK (amount > 0 OR amount = 0 AND part > 1) NOT VALID,
    ADD CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded', 'failed')) NOT VALID,
    ADD CONSTRAINT refunds_part_check CHECK (part >= 1) NOT VALID,
    ADD CONSTRAINT refunds_reason_check CHECK (reason IS NULL OR reason IN ('moved', 'dispute')) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT refunds_amount_check;
ALTER TABLE refunds VALIDATE CONSTRAINT refunds_status_check;
ALTER TABLE refunds VALIDATE CONSTRAINT refunds_part_check;
ALTER TABLE refunds VALIDATE CONSTRAINT refunds_reason_check;

ALTER TABLE dead_letters
    DROP CONSTRAINT dead_letters_kind_check,
    ADD CONSTRAINT dead_letters_kind_check CHECK (
        (kind = 'message' AND event_id IS NULL AND booking_id IS NULL AND n IS NULL)
        OR (kind IN ('charge', 'refund', 'moved', 'dispute') AND event_id IS NOT NULL AND booking_id IS NOT NULL
            AND n IS NOT NULL AND currency IS NOT NULL)) NOT VALID;
ALTER TABLE dead_letters VALIDATE CONSTRAINT dead_letters_kind_check;

