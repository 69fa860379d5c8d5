DROP TRIGGER events_text_update;
DROP TRIGGER events_text_insert;
DROP TABLE event_search;
DROP TABLE event_texts;
