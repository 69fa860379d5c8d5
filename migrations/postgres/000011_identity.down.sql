-- Whose an event is, is forgotten; the events, their bookings and all users stay.
DROP TRIGGER events_keep_organizer ON events;
DROP FUNCTION events_keep_organizer();
DROP INDEX events_organizer_id_idx;
ALTER TABLE events DROP COLUMN organizer_id;
DROP INDEX users_organizer_id_idx;
ALTER TABLE users DROP COLUMN organizer_id;
ALTER TABLE installation DROP COLUMN identity_version;
DROP TABLE access_log;
DROP FUNCTION access_log_kept();
DROP TABLE subjects;
DROP TABLE api_keys;
DROP TABLE organizers;
