-- Search by a part of a name or description. Trigrams are an extension of PostgreSQL's own, which a role needs rights to create:
-- without them search goes on as before, reading every event. An administrator may run both statements at any time.
--
-- One index over both texts: nobody searches across the line break between them.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX events_text_idx ON events USING gin ((name || E'\n' || description) gin_trgm_ops) WHERE deleted_at IS NULL;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR undefined_object OR feature_not_supported THEN
    RAISE WARNING 'search reads every event: the extension pg_trgm cannot be created (%)', SQLERRM;
END
$$;
