-- Search by a part of a name or description: an index of their trigrams, which keeps no text of its own. Its rows have numbers,
-- and those of events may change when the file is written anew (VACUUM): so each event is given one that stays.
CREATE TABLE event_texts (
    n        INTEGER NOT NULL,
    event_id BLOB    NOT NULL,
    CONSTRAINT event_texts_pkey PRIMARY KEY (n),
    CONSTRAINT event_texts_event_id_key UNIQUE (event_id),
    CONSTRAINT event_texts_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id)
) STRICT;

CREATE VIRTUAL TABLE event_search USING fts5 (
    body, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);

INSERT INTO event_texts (event_id) SELECT id FROM events WHERE deleted_at IS NULL;
INSERT INTO event_search (rowid, body)
    SELECT t.n, e.name || char(10) || e.description FROM event_texts t JOIN events e ON e.id = t.event_id;

CREATE TRIGGER events_text_insert AFTER INSERT ON events BEGIN
    INSERT INTO event_texts (event_id) VALUES (new.id);
    INSERT INTO event_search (rowid, body)
        SELECT n, new.name || char(10) || new.description FROM event_texts WHERE event_id = new.id;
END;

-- Bookings change other columns.
CREATE TRIGGER events_text_update AFTER UPDATE OF name, description ON events
WHEN new.name <> old.name OR new.description <> old.description BEGIN
    DELETE FROM event_search WHERE rowid = (SELECT n FROM event_texts WHERE event_id = new.id);
    INSERT INTO event_search (rowid, body)
        SELECT n, new.name || char(10) || new.description FROM event_texts WHERE event_id = new.id;
END;
