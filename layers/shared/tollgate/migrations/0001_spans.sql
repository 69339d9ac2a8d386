-- One row for each posting that moves `spent` or closes a hold, stored once by its place in the books.
-- The sum of a page's rows is that page's `spent`; a gap in `seq` is a lost span.

CREATE TABLE spans (
    tenant_id                   text        NOT NULL,
    month                       date        NOT NULL CHECK (extract(day FROM month) = 1),
    epoch                       integer     NOT NULL CHECK (epoch >= 0),
    seq                         bigint      NOT NULL CHECK (seq > 0),
    posting                     text        NOT NULL,
    hold                        text        NOT NULL,
    at                          timestamptz NOT NULL,
    day                         date        NOT NULL,
    outcome                     text        NOT NULL,
    cost_nanousd                bigint      NOT NULL,
    held_nanousd                bigint      NOT NULL,
    saved_nanousd               bigint      NOT NULL,
    request_model               text,
    response_model              text,
    downgrade_reason            text,
    service_tier                text,
    input_tokens                bigint      NOT NULL,
    cache_read_input_tokens     bigint      NOT NULL,
    cache_creation_input_tokens bigint      NOT NULL,
    output_tokens               bigint      NOT NULL,
    reasoning_output_tokens     bigint      NOT NULL,
    latency_ms                  bigint,
    upstream_ms                 bigint,
    agent_name                  text,
    run_id                      text,
    job_id                      text,
    booking_id                  text,
    call_id                     text,
    request_id                  text,
    response_id                 text,
    error_type                  text,
    inserted_at                 timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, month, epoch, seq)
) PARTITION BY RANGE (month);

COMMENT ON TABLE spans IS 'One posting of the ledger each; names follow the OpenTelemetry GenAI conventions where these have one.';
COMMENT ON COLUMN spans.month IS 'First day of the page''s month: the tenant''s own, so it can differ from the month of `at` in UTC.';
COMMENT ON COLUMN spans.epoch IS 'How often the page was restored from a backup.';
COMMENT ON COLUMN spans.seq IS 'Counts the page''s postings from 1 on, without gaps.';
COMMENT ON COLUMN spans.at IS 'When it was posted.';
COMMENT ON COLUMN spans.day IS 'The tenant''s day whose budget it counts in.';
COMMENT ON COLUMN spans.cost_nanousd IS 'By how much the page''s `spent` moved; negative where a posting takes money back.';
COMMENT ON COLUMN spans.held_nanousd IS 'What the hold that it closed had set aside.';
COMMENT ON COLUMN spans.saved_nanousd IS 'What the model asked for would have cost more for the same tokens.';
COMMENT ON COLUMN spans.request_model IS 'gen_ai.request.model';
COMMENT ON COLUMN spans.response_model IS 'gen_ai.response.model: the one that was served and billed.';
COMMENT ON COLUMN spans.service_tier IS 'openai.response.service_tier';
COMMENT ON COLUMN spans.input_tokens IS 'gen_ai.usage.input_tokens: all of them, those read from and written to the cache included.';
COMMENT ON COLUMN spans.cache_read_input_tokens IS 'gen_ai.usage.cache_read.input_tokens';
COMMENT ON COLUMN spans.cache_creation_input_tokens IS 'gen_ai.usage.cache_creation.input_tokens';
COMMENT ON COLUMN spans.output_tokens IS 'gen_ai.usage.output_tokens: all of them, reasoning included.';
COMMENT ON COLUMN spans.reasoning_output_tokens IS 'gen_ai.usage.reasoning.output_tokens';
COMMENT ON COLUMN spans.agent_name IS 'gen_ai.agent.name';
COMMENT ON COLUMN spans.response_id IS 'gen_ai.response.id';
COMMENT ON COLUMN spans.error_type IS 'error.type';
COMMENT ON COLUMN spans.inserted_at IS 'Start of the transaction that stored it: what the roll-up follows, because a span can arrive late.';

-- Catches what has no month of its own yet; it is watched, and normally empty.
CREATE TABLE spans_default PARTITION OF spans DEFAULT;

-- The summary's: one tenant, a stretch of time.
CREATE INDEX spans_by_time ON spans (tenant_id, at);
-- The roll-up's: rows lie on disk in the order in which they arrived, so a few pages of summary do for an index.
CREATE INDEX spans_by_arrival ON spans USING brin (inserted_at) WITH (autosummarize = on);

-- Makes the partitions of `first_month` and the months after it, where they are missing; returns how many it made.
-- Rows that waited in the default partition move along, because a partition cannot be attached while that holds its rows.
CREATE FUNCTION make_span_partitions(first_month date, months integer DEFAULT 4) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    starts date;
    ends date;
    partition_name text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tollgate.make_span_partitions', 0));
    FOR step IN 0 .. months - 1 LOOP
        starts := date_trunc('month', first_month::timestamp) + make_interval(months => step);
        ends := starts + interval '1 month';
        partition_name := 'spans_' || to_char(starts, 'YYYY_MM');
        CONTINUE WHEN to_regclass(partition_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE spans INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
        LOCK TABLE spans_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM spans_default WHERE month = %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
            starts, partition_name
        );
        EXECUTE format('ALTER TABLE spans ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition_name, starts, ends);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

SELECT make_span_partitions(current_date);
