-- Adds them to the runs, as far as these have come (`runs_until`).
of_runs AS (
    INSERT INTO run_rollups AS rollup (
        tenant_id, starts_at, run_id, job_id, booking_id, call_id, agent_name, started_at, ended_at,
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    )
    SELECT
        tenant_id, date_bin('15 minutes', at, 'epoch') AS starts_at, run_id, job_id, booking_id, call_id, agent_name, min(at), max(at),
        sum(spans), sum(calls), sum(downgraded_calls), sum(would_have_refused_calls), sum(would_have_downgraded_calls),
        sum(input_tokens), sum(cache_read_input_tokens), sum(cache_creation_input_tokens), sum(output_tokens),
        sum(reasoning_output_tokens), sum(cost_nanousd), sum(held_nanousd), sum(saved_nanousd), sum(would_have_refused_nanousd)
    FROM counted
    WHERE pg_visible_in_snapshot(arrived_in, %(runs_until)s::pg_snapshot)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (tenant_id, starts_at, run_id, job_id, booking_id, call_id, agent_name) DO UPDATE SET (
        started_at, ended_at,
        spans, calls, downgraded_calls, would_have_refused_calls, would_have_downgraded_calls, input_tokens,
        cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, held_nanousd,
        saved_nanousd, would_have_refused_nanousd
    ) = (
        least(rollup.started_at, excluded.started_at), greatest(rollup.ended_at, excluded.ended_at),
        rollup.spans + excluded.spans, rollup.calls + excluded.calls, rollup.downgraded_calls + excluded.downgraded_calls,
        rollup.would_have_refused_calls + excluded.would_have_refused_calls,
        rollup.would_have_downgraded_calls + excluded.would_have_downgraded_calls, rollup.input_tokens + excluded.input_tokens,
        rollup.cache_read_input_tokens + excluded.cache_read_input_tokens,
        rollup.cache_creation_input_tokens + excluded.cache_creation_input_tokens, rollup.output_tokens + excluded.output_tokens,
        rollup.reasoning_output_tokens + excluded.reasoning_output_tokens, rollup.cost_nanousd + excluded.cost_nanousd,
        rollup.held_nanousd + excluded.held_nanousd, rollup.saved_nanousd + excluded.saved_nanousd,
        rollup.would_have_refused_nanousd + excluded.would_have_refused_nanousd
    )
)
SELECT count(*) AS spans FROM counted
