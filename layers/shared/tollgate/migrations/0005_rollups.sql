-- Spans summed by quarter-hours, hours and days (all UTC), from which any time zone's days are put together, and a mark that says
-- exactly which spans are in the sums. infra/decisions/0009-summaries-from-rollups.md says why.

-- Expand: the release before writes and reads `span_rollups` until its last function is gone; a later migration drops that.

-- Spans that are there already get one number below all others, so the first roll-up takes them all, in one piece.
ALTER TABLE spans ADD COLUMN arrived_in xid8 NOT NULL DEFAULT '3';
ALTER TABLE spans ALTER COLUMN arrived_in SET DEFAULT pg_current_xact_id();
COMMENT ON COLUMN spans.arrived_in IS 'The transaction that stored it: by this, and by no clock, rollups know which spans they have.';

-- Rows of one batch share a number, and new ones go to the end: the index is small, and cheap to keep.
CREATE INDEX spans_by_arrived_in ON spans (arrived_in, tenant_id);
DROP INDEX spans_by_arrival;

ALTER TABLE rollup_watermarks ADD COLUMN snapshot pg_snapshot;
COMMENT ON COLUMN rollup_watermarks.snapshot IS 'A span is in the rollups if, and only if, its arrived_in is visible in this snapshot.';

CREATE TABLE tenant_rollups (
    tenant_id                   text        NOT NULL,
    grain                       text        NOT NULL,
    starts_at                   timestamptz NOT NULL,
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
    would_have_refused_nanousd  bigint      NOT NULL
) PARTITION BY LIST (grain);

CREATE TABLE label_rollups (LIKE tenant_rollups, response_model text, agent_name text, outcome text NOT NULL) PARTITION BY LIST (grain);
CREATE TABLE job_rollups (LIKE tenant_rollups, job_id text) PARTITION BY LIST (grain);
CREATE TABLE latency_rollups (
    tenant_id    text        NOT NULL,
    grain        text        NOT NULL,
    starts_at    timestamptz NOT NULL,
    bucket       integer     NOT NULL,
    calls        bigint      NOT NULL,
    milliseconds bigint      NOT NULL
) PARTITION BY LIST (grain);

COMMENT ON TABLE tenant_rollups IS 'All of a tenant''s spans posted from `starts_at` on, for one quarter-hour, hour or day of UTC.';
COMMENT ON TABLE label_rollups IS 'The same for each model served, agent and outcome.';
COMMENT ON TABLE job_rollups IS 'The same for each job.';
COMMENT ON TABLE latency_rollups IS 'How long calls took: their number and sum by buckets, eight for each doubling of milliseconds.';

ALTER TABLE tenant_rollups ADD CONSTRAINT tenant_rollups_key PRIMARY KEY (tenant_id, grain, starts_at);
ALTER TABLE label_rollups ADD CONSTRAINT label_rollups_key
    UNIQUE NULLS NOT DISTINCT (tenant_id, grain, starts_at, response_model, agent_name, outcome);
ALTER TABLE job_rollups ADD CONSTRAINT job_rollups_key UNIQUE NULLS NOT DISTINCT (tenant_id, grain, starts_at, job_id);
ALTER TABLE latency_rollups ADD CONSTRAINT latency_rollups_key PRIMARY KEY (tenant_id, grain, starts_at, bucket);
-- The summary of all tenants.
CREATE INDEX tenant_rollups_by_time ON tenant_rollups (starts_at);

-- The grains lie apart, so that the few rows of days are not strewn among those of quarters. Room is left on each page, because
-- the newest rows grow with every run.
DO $$
DECLARE
    rollup text;
    grain text;
BEGIN
    FOREACH rollup IN ARRAY ARRAY['tenant_rollups', 'label_rollups', 'job_rollups', 'latency_rollups'] LOOP
        FOREACH grain IN ARRAY ARRAY['quarter', 'hour', 'day'] LOOP
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES IN (%L) WITH (fillfactor = 80)', rollup || '_by_' || grain, rollup, grain
            );
        END LOOP;
    END LOOP;
END
$$;

-- What the ledger's pages say by days: the forecast's, and for comparing the books.
CREATE TABLE budget_days (
    tenant_id    text   NOT NULL,
    day          date   NOT NULL,
    spans        bigint NOT NULL,
    cost_nanousd bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
) WITH (fillfactor = 80);
COMMENT ON TABLE budget_days IS 'The tenant''s own days: those whose budget the spans count in, whenever they were posted.';

-- Months whose spans were dropped, and what their pages' books said, so that nobody thinks that spans are missing.
CREATE TABLE dropped_months (
    month      date        PRIMARY KEY,
    spans      bigint      NOT NULL,
    last_at    timestamptz,
    dropped_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN dropped_months.last_at IS 'When the last of its spans was posted: up to then rollups cannot be summed again.';

CREATE TABLE dropped_page_books (
    tenant_id text    NOT NULL,
    month     date    NOT NULL,
    count     bigint  NOT NULL,
    numbers   bigint  NOT NULL,
    seq       bigint,
    epoch     integer NOT NULL,
    spent     bigint  NOT NULL,
    PRIMARY KEY (tenant_id, month)
);

-- Drops a month's spans, with their pages' books kept, if the rollups have all of them; false where they have not, or where there is
-- no such partition. Nobody may write to the month meanwhile; other months wait only for the moment of its detachment, and where
-- that does not come within three seconds it is left for another day.
CREATE FUNCTION drop_span_partition(dropped date) RETURNS boolean LANGUAGE plpgsql SET lock_timeout = '3s' AS $$
DECLARE
    partition_name text := 'spans_' || to_char(dropped, 'YYYY_MM');
    rolled_up pg_snapshot := (SELECT snapshot FROM rollup_watermarks WHERE rollup = 'spans');
    is_whole boolean;
BEGIN
    IF to_regclass(partition_name) IS NULL OR rolled_up IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', partition_name);
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I WHERE NOT pg_visible_in_snapshot(arrived_in, $1))', partition_name)
        INTO is_whole USING rolled_up;
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
