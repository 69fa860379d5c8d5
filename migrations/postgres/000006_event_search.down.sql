DROP INDEX IF EXISTS events_text_idx;
