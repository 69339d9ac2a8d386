-- Adds them to the blocks of time that they were posted in.
in_blocks AS MATERIALIZED (
    SELECT counted.*, grain, starts_at
    FROM counted
    CROSS JOIN LATERAL (
        VALUES
            ('quarter', date_bin('15 minutes', at, 'epoch')),
            ('hour', date_trunc('hour', at, 'UTC')),
            ('day', date_trunc('day', at, 'UTC'))
    ) AS block (grain, starts_at)
),
of_tenants AS (
    INSERT INTO tenant_rollups AS rollup (
        tenant_id, grain, starts_at,
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    )
    SELECT
        tenant_id, grain, starts_at,
        sum(spans), sum(calls), sum(downgraded_calls), sum(would_have_refused_calls), sum(would_have_downgraded_calls),
        sum(input_tokens), sum(cache_read_input_tokens), sum(cache_creation_input_tokens), sum(output_tokens),
        sum(reasoning_output_tokens), sum(cost_nanousd), sum(held_nanousd), sum(saved_nanousd), sum(would_have_refused_nanousd)
    FROM in_blocks
    GROUP BY tenant_id, grain, starts_at
    ON CONFLICT (tenant_id, grain, starts_at) DO UPDATE SET (
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    ) = (
        rollup.spans + excluded.spans, rollup.calls + excluded.calls, rollup.downgraded_calls + excluded.downgraded_calls,
        rollup.would_have_refused_calls + excluded.would_have_refused_calls,
        rollup.would_have_downgraded_calls + excluded.would_have_downgraded_calls, rollup.input_tokens + excluded.input_tokens,
        rollup.cache_read_input_tokens + excluded.cache_read_input_tokens,
        rollup.cache_creation_input_tokens + excluded.cache_creation_input_tokens, rollup.output_tokens + excluded.output_tokens,
        rollup.reasoning_output_tokens + excluded.reasoning_output_tokens, rollup.cost_nanousd + excluded.cost_nanousd,
        rollup.held_nanousd + excluded.held_nanousd, rollup.saved_nanousd + excluded.saved_nanousd,
        rollup.would_have_refused_nanousd + excluded.would_have_refused_nanousd
    )
),
of_labels AS (
    INSERT INTO label_rollups AS rollup (
        tenant_id, grain, starts_at, response_model, agent_name, outcome,
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    )
    SELECT
        tenant_id, grain, starts_at, response_model, agent_name, outcome,
        sum(spans), sum(calls), sum(downgraded_calls), sum(would_have_refused_calls), sum(would_have_downgraded_calls),
        sum(input_tokens), sum(cache_read_input_tokens), sum(cache_creation_input_tokens), sum(output_tokens),
        sum(reasoning_output_tokens), sum(cost_nanousd), sum(held_nanousd), sum(saved_nanousd), sum(would_have_refused_nanousd)
    FROM in_blocks
    GROUP BY tenant_id, grain, starts_at, response_model, agent_name, outcome
    ON CONFLICT (tenant_id, grain, starts_at, response_model, agent_name, outcome) DO UPDATE SET (
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    ) = (
        rollup.spans + excluded.spans, rollup.calls + excluded.calls, rollup.downgraded_calls + excluded.downgraded_calls,
        rollup.would_have_refused_calls + excluded.would_have_refused_calls,
        rollup.would_have_downgraded_calls + excluded.would_have_downgraded_calls, rollup.input_tokens + excluded.input_tokens,
        rollup.cache_read_input_tokens + excluded.cache_read_input_tokens,
        rollup.cache_creation_input_tokens + excluded.cache_creation_input_tokens, rollup.output_tokens + excluded.output_tokens,
        rollup.reasoning_output_tokens + excluded.reasoning_output_tokens, rollup.cost_nanousd + excluded.cost_nanousd,
        rollup.held_nanousd + excluded.held_nanousd, rollup.saved_nanousd + excluded.saved_nanousd,
        rollup.would_have_refused_nanousd + excluded.would_have_refused_nanousd
    )
),
of_jobs AS (
    INSERT INTO job_rollups AS rollup (
        tenant_id, grain, starts_at, job_id,
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    )
    SELECT
        tenant_id, grain, starts_at, job_id,
        sum(spans), sum(calls), sum(downgraded_calls), sum(would_have_refused_calls), sum(would_have_downgraded_calls),
        sum(input_tokens), sum(cache_read_input_tokens), sum(cache_creation_input_tokens), sum(output_tokens),
        sum(reasoning_output_tokens), sum(cost_nanousd), sum(held_nanousd), sum(saved_nanousd), sum(would_have_refused_nanousd)
    FROM in_blocks
    GROUP BY tenant_id, grain, starts_at, job_id
    ON CONFLICT (tenant_id, grain, starts_at, job_id) DO UPDATE SET (
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    ) = (
        rollup.spans + excluded.spans, rollup.calls + excluded.calls, rollup.downgraded_calls + excluded.downgraded_calls,
        rollup.would_have_refused_calls + excluded.would_have_refused_calls,
        rollup.would_have_downgraded_calls + excluded.would_have_downgraded_calls, rollup.input_tokens + excluded.input_tokens,
        rollup.cache_read_input_tokens + excluded.cache_read_input_tokens,
        rollup.cache_creation_input_tokens + excluded.cache_creation_input_tokens, rollup.output_tokens + excluded.output_tokens,
        rollup.reasoning_output_tokens + excluded.reasoning_output_tokens, rollup.cost_nanousd + excluded.cost_nanousd,
        rollup.held_nanousd + excluded.held_nanousd, rollup.saved_nanousd + excluded.saved_nanousd,
        rollup.would_have_refused_nanousd + excluded.would_have_refused_nanousd
    )
),
of_latencies AS (
    INSERT INTO latency_rollups AS rollup (tenant_id, grain, starts_at, bucket, calls, milliseconds)
    SELECT tenant_id, grain, starts_at, floor(8 * ln(greatest(latency_ms, 1)) / ln(2::float8))::integer AS bucket, count(*), sum(latency_ms)
    FROM in_blocks
    WHERE is_call AND latency_ms IS NOT NULL
    GROUP BY tenant_id, grain, starts_at, bucket
    ON CONFLICT (tenant_id, grain, starts_at, bucket) DO UPDATE SET
        calls = rollup.calls + excluded.calls, milliseconds = rollup.milliseconds + excluded.milliseconds
),
