DROP TABLE queue_members;
DROP TABLE republished;
