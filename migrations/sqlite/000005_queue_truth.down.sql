DROP TABLE queue_members;
DROP TABLE republished;
ALTER TABLE installation DROP COLUMN turned_at;
ALTER TABLE installation DROP COLUMN previous;
ALTER TABLE installation DROP COLUMN token;
