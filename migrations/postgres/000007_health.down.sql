DROP INDEX users_email_fold_key;
ALTER TABLE users DROP COLUMN email_key;
DROP TABLE processes;
