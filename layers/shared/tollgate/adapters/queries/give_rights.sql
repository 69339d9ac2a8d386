-- Who may do what: infra/database.md. Run after every migration, because roles are the cluster's and rights are those of tables that a
-- later migration may make. Whoever runs it owns the tables, and may make roles, or finds them made.

DO $$
DECLARE
    role_name text;
    each record;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'tollgate_writer', 'tollgate_reader', 'tollgate_rollup', 'tollgate_books', 'tollgate_jobs'
    ] LOOP
        IF to_regrole(role_name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server was quicker
            END;
        END IF;
        -- RDS lets those connect by IAM that are in this role. It is nowhere else.
        IF to_regrole('rds_iam') IS NOT NULL AND NOT pg_has_role(role_name, 'rds_iam', 'MEMBER') THEN
            EXECUTE format('GRANT rds_iam TO %I', role_name);
        END IF;
        FOR each IN
            SELECT oid::regclass AS name FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relowner = current_user::regrole
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %I', each.name, role_name);
        END LOOP;
    END LOOP;

    -- A table's name, as LIKE takes it. Partitions are reached by their table, and have no rights of their own, but for the default one,
    -- which is watched.
    FOR each IN
        SELECT DISTINCT pg_class.oid::regclass AS name, rights.privileges, rights.grantee
        FROM pg_class
        JOIN (VALUES
            ('spans',            'INSERT, SELECT (tenant_id, month, seq, at)', 'tollgate_writer'),
            ('missing\_spans',   'DELETE, SELECT (tenant_id, month, seq)',     'tollgate_writer'),
            ('%',                'SELECT',                                     'tollgate_reader'),
            ('spans',            'SELECT',                                     'tollgate_rollup'),
            ('spans\_default',   'SELECT',                                     'tollgate_rollup'),
            ('missing\_spans',   'SELECT',                                     'tollgate_rollup'),
            ('dropped\_%',       'SELECT',                                     'tollgate_rollup'),
            ('%rollup%',         'SELECT, INSERT, UPDATE, DELETE',             'tollgate_rollup'),
            ('budget\_days',     'SELECT, INSERT, UPDATE, DELETE',             'tollgate_rollup'),
            ('spans',            'SELECT, INSERT',                             'tollgate_books'),
            ('missing\_spans',   'SELECT, INSERT, UPDATE, DELETE',             'tollgate_books'),
            ('page\_readings',   'SELECT, INSERT, UPDATE, DELETE',             'tollgate_books'),
            ('drifts',           'SELECT, INSERT, UPDATE, DELETE',             'tollgate_books'),
            ('dropped\_%',       'SELECT',                                     'tollgate_books'),
            ('provider\_%',      'SELECT, INSERT, UPDATE, DELETE',             'tollgate_books'),
            ('servicetitan\_%',  'SELECT, INSERT, UPDATE',                     'tollgate_jobs')
        ) AS rights (pattern, privileges, grantee) ON relname LIKE rights.pattern
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
          AND (NOT relispartition OR relname = 'spans_default')
          AND relowner = current_user::regrole AND relname <> 'schema_migrations'
    LOOP
        EXECUTE format('GRANT %s ON %s TO %I', each.privileges, each.name, each.grantee);
    END LOOP;

    -- Partitions are made and dropped by the tables' owner alone: those that need it are lent that right, for this and nothing else.
    FOR each IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND proname LIKE '%span\_partition%' AND proowner = current_user::regrole
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', each.name, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', each.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO tollgate_rollup', each.name);
    END LOOP;
END
$$
