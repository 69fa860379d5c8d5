-- How far a gateway's own list of what happened was read, so that what its callbacks did not bring is found. One process reads
-- it at a time: it is due again at due_at.
CREATE TABLE gateway_events (
    gateway VARCHAR(64) NOT NULL,
    place   TEXT        NOT NULL DEFAULT '',
    due_at  TIMESTAMPTZ NOT NULL,
    CONSTRAINT gateway_events_pkey PRIMARY KEY (gateway)
);
