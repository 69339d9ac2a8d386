fresh AS MATERIALIZED (
    SELECT
        at, day, is_within, is_new, is_call, latency_ms,
        CASE %(group_by)s::text
            WHEN 'model' THEN response_model WHEN 'agent' THEN agent_name WHEN 'job' THEN job_id WHEN 'outcome' THEN outcome
        END AS label,
        is_call::integer AS calls,
        (is_call AND downgrade_reason IS NOT NULL)::integer AS downgraded_calls,
        would_have_refused::integer AS would_have_refused_calls,
        CASE WHEN would_have_refused THEN cost_nanousd ELSE 0 END AS would_have_refused_nanousd,
        (would_have LIKE 'downgrade:%%' IS TRUE)::integer AS would_have_downgraded_calls,
        input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, saved_nanousd
    FROM (SELECT * FROM arrived UNION ALL SELECT * FROM cut) AS found
    CROSS JOIN LATERAL (
        SELECT
            outcome = ANY (%(calls)s) AND posting <> %(never_a_call)s AS is_call,
            would_have LIKE 'refuse:%%' IS TRUE AS would_have_refused
    ) AS meant
),
blocks AS (
    SELECT * FROM unnest(%(grains)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS block (grain, starts_at, ends_at)
),
