-- Partitioned by month (UTC). Only grows: who may write here may add rows, and nobody may change or take away any.
CREATE TABLE audit_log (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- None for what the platform does by itself.
    user_id uuid REFERENCES users (id),
    action text NOT NULL CHECK (action <> ''),
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    result text NOT NULL,
    PRIMARY KEY (id, "timestamp")
) PARTITION BY RANGE ("timestamp");

CREATE INDEX audit_log_user_id_timestamp_idx ON audit_log (user_id, "timestamp");
CREATE INDEX audit_log_timestamp_idx ON audit_log ("timestamp");

COMMENT ON TABLE audit_log IS 'Who did what, when, and how it ended. Append-only.';
COMMENT ON COLUMN audit_log.user_id IS 'Keeps the user from being deleted. S3: the bucket audit-logs holds what is exported from here.';

CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_refuse();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();

-- Takes what no month was made for, so that nothing is lost. A trigger on TRUNCATE is not inherited: each partition has its own.
CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log_default FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();

-- Makes the partition of the month in which the day lies, and moves there what the default one holds of it. Answers its name, or
-- nothing when it stands. The lock keeps rows of that month out of the default partition; those of other months go on being written.
CREATE FUNCTION audit_log_make_partition(day date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
    following timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    part text := 'audit_log_' || to_char(day, 'YYYY_MM');
BEGIN
    IF to_regclass(quote_ident(part)) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    LOCK TABLE audit_log_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    IF EXISTS (SELECT FROM audit_log_default WHERE "timestamp" >= first AND "timestamp" < following) THEN
        ALTER TABLE audit_log_default DISABLE TRIGGER USER;
        EXECUTE format(
            'WITH moved AS (DELETE FROM audit_log_default WHERE "timestamp" >= $1 AND "timestamp" < $2 RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved', part
        ) USING first, following;
        ALTER TABLE audit_log_default ENABLE TRIGGER USER;
    END IF;
    EXECUTE format('ALTER TABLE audit_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first, following);
    EXECUTE format(
        'CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()', part
    );
    RETURN part;
END
$$;

REVOKE EXECUTE ON FUNCTION audit_log_make_partition(date), audit_log_refuse() FROM PUBLIC;
