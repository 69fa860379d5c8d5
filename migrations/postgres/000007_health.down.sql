DROP TRIGGER IF EXISTS users_email_2_said ON users;
DROP TRIGGER IF EXISTS users_email_1_changed ON users;
DROP FUNCTION IF EXISTS users_email_key();
DROP INDEX users_email_fold_key;
ALTER TABLE users DROP COLUMN email_key;
DROP TABLE processes;
