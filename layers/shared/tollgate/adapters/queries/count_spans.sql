-- What the fresh spans add to sums; each is fresh once.
counted AS MATERIALIZED (
    SELECT
        tenant_id, at, arrived_in, response_model, agent_name, outcome, run_id, job_id, booking_id, call_id, latency_ms, is_call,
        1 AS spans,
        is_call::integer AS calls,
        (is_call AND downgrade_reason IS NOT NULL)::integer AS downgraded_calls,
        (would_have_refused)::integer AS would_have_refused_calls,
        (would_have LIKE 'downgrade:%%' IS TRUE)::integer AS would_have_downgraded_calls,
        input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens,
        cost_nanousd, held_nanousd, saved_nanousd,
        CASE WHEN would_have_refused THEN cost_nanousd ELSE 0 END AS would_have_refused_nanousd
    FROM fresh
    CROSS JOIN LATERAL (
        SELECT
            outcome = ANY (%(calls)s) AND posting <> %(never_a_call)s AS is_call,
            would_have LIKE 'refuse:%%' IS TRUE AS would_have_refused
    ) AS meant
),
