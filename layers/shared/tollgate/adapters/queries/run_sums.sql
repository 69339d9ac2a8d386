-- As `run_costs`, with all sums.
run_mark AS MATERIALIZED (
    SELECT coalesce((SELECT snapshot FROM rollup_watermarks WHERE rollup = 'runs'), '3:3:') AS snapshot
),
parts AS MATERIALIZED (
    SELECT
        run_id, job_id, booking_id, call_id, started_at, ended_at,
        started_at >= %(start)s::timestamptz AND started_at < %(end)s::timestamptz AS is_within,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM run_rollups
    WHERE tenant_id = %(tenant_id)s AND starts_at >= %(seen_from)s::timestamptz AND starts_at < %(seen_to)s::timestamptz
      AND starts_at <> ALL (%(cut_quarters)s::timestamptz[])
    UNION ALL
    SELECT
        run_id, job_id, booking_id, call_id, at, at, at >= %(start)s::timestamptz AND at < %(end)s::timestamptz,
        cost_nanousd, is_call::integer, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens,
        (is_call AND downgrade_reason IS NOT NULL)::integer, saved_nanousd, would_have_refused::integer,
        CASE WHEN would_have_refused THEN cost_nanousd ELSE 0 END, (would_have LIKE 'downgrade:%%' IS TRUE)::integer
    FROM (
        SELECT *
        FROM spans
        WHERE tenant_id = %(tenant_id)s
          AND arrived_in >= (SELECT pg_snapshot_xmin(snapshot) FROM run_mark)
          AND arrived_in < pg_snapshot_xmax(pg_current_snapshot())
          AND NOT pg_visible_in_snapshot(arrived_in, (SELECT snapshot FROM run_mark))
          AND at >= %(seen_from)s::timestamptz AND at < %(seen_to)s::timestamptz
        UNION ALL
        SELECT spans.*
        FROM unnest(%(cut_quarters)s::timestamptz[]) AS cut (starts_at)
        JOIN spans
          ON tenant_id = %(tenant_id)s AND at >= starts_at AND at < starts_at + interval '15 minutes'
         AND pg_visible_in_snapshot(arrived_in, (SELECT snapshot FROM run_mark))
    ) AS found
    CROSS JOIN LATERAL (
        SELECT
            outcome = ANY (%(calls)s) AND posting <> %(never_a_call)s AS is_call,
            would_have LIKE 'refuse:%%' IS TRUE AS would_have_refused
    ) AS meant
),
