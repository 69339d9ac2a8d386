-- Spans summed by the run that they belong to, and the way from a run's labels to ServiceTitan's rows.
-- infra/decisions/0016-what-a-booked-job-costs.md says what is made of it.

-- Expand: `rollup_watermarks` gets a row `runs`, written by the first roll-up of this release. Functions of the release before go on
-- moving `spans` without it until the last of them is gone; what that leaves out is between the two marks, and is made up for first.
CREATE TABLE run_rollups (
    tenant_id                   text        NOT NULL,
    starts_at                   timestamptz NOT NULL,
    run_id                      text,
    job_id                      text,
    booking_id                  text,
    call_id                     text,
    agent_name                  text,
    started_at                  timestamptz NOT NULL,
    ended_at                    timestamptz NOT NULL,
    spans                       bigint      NOT NULL,
    calls                       bigint      NOT NULL,
    downgraded_calls            bigint      NOT NULL,
    would_have_refused_calls    bigint      NOT NULL,
    would_have_downgraded_calls bigint      NOT NULL,
    input_tokens                bigint      NOT NULL,
    cache_read_input_tokens     bigint      NOT NULL,
    cache_creation_input_tokens bigint      NOT NULL,
    output_tokens               bigint      NOT NULL,
    reasoning_output_tokens     bigint      NOT NULL,
    cost_nanousd                bigint      NOT NULL,
    held_nanousd                bigint      NOT NULL,
    saved_nanousd               bigint      NOT NULL,
    would_have_refused_nanousd  bigint      NOT NULL,
    CONSTRAINT run_rollups_key
        UNIQUE NULLS NOT DISTINCT (tenant_id, starts_at, run_id, job_id, booking_id, call_id, agent_name)
) WITH (fillfactor = 80);
COMMENT ON TABLE run_rollups IS 'A tenant''s spans of a quarter-hour of UTC for each run, as their labels name it, and agent.';
COMMENT ON COLUMN run_rollups.started_at IS 'When the first of these spans was posted; `ended_at`: the last.';

-- Labels are free text. Only what ServiceTitan itself would write for an id is one: no leading zeros, nothing past bigint.
CREATE FUNCTION servicetitan_id(label text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN label ~ '^[1-9][0-9]{0,17}$' THEN label::bigint
        WHEN label ~ '^[1-9][0-9]{18}$' AND label COLLATE "C" <= '9223372036854775807' THEN label::bigint
    END
$$;

CREATE INDEX servicetitan_jobs_by_number ON servicetitan_jobs (connection_id, number) WHERE number IS NOT NULL;
CREATE INDEX servicetitan_leads_by_manual_call ON servicetitan_leads (connection_id, manual_call_id) WHERE manual_call_id IS NOT NULL;
CREATE INDEX servicetitan_invoices_by_adjusted ON servicetitan_invoices (connection_id, adjustment_to_id)
    WHERE adjustment_to_id IS NOT NULL;

-- As before, but for the runs: a month's spans stay until these have all of them too.
CREATE OR REPLACE FUNCTION drop_span_partition(dropped date) RETURNS boolean LANGUAGE plpgsql SET lock_timeout = '3s' AS $$
DECLARE
    partition_name text := 'spans_' || to_char(dropped, 'YYYY_MM');
    rolled_up pg_snapshot := (SELECT snapshot FROM rollup_watermarks WHERE rollup = 'spans');
    runs_rolled_up pg_snapshot := (SELECT snapshot FROM rollup_watermarks WHERE rollup = 'runs');
    is_whole boolean;
BEGIN
    IF to_regclass(partition_name) IS NULL OR rolled_up IS NULL OR runs_rolled_up IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', partition_name);
    EXECUTE format(
        'SELECT NOT EXISTS (SELECT FROM %I WHERE NOT (pg_visible_in_snapshot(arrived_in, $1) AND pg_visible_in_snapshot(arrived_in, $2)))',
        partition_name
    ) INTO is_whole USING rolled_up, runs_rolled_up;
    IF NOT is_whole THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'INSERT INTO dropped_page_books '
        'SELECT tenant_id, month, count(*) FILTER (WHERE seq > 0), count(DISTINCT seq) FILTER (WHERE seq > 0), '
        'max(seq) FILTER (WHERE seq > 0), max(epoch), sum(cost_nanousd) FROM %I GROUP BY tenant_id, month',
        partition_name
    );
    EXECUTE format('INSERT INTO dropped_months SELECT $1, count(*), max(at) FROM %I', partition_name) USING dropped;
    EXECUTE format('ALTER TABLE spans DETACH PARTITION %I', partition_name);
    EXECUTE format('DROP TABLE %I', partition_name);
    RETURN true;
END
$$;
