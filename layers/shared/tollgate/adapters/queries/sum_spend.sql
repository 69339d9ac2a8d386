-- The whole, each label and each stretch of time in one pass and one snapshot. `figure` says which a row is.
WITH counted AS (
    SELECT
        *,
        outcome = ANY (%(calls)s) AND posting <> %(never_a_call)s AS is_call,
        CASE %(group_by)s::text
            WHEN 'model' THEN response_model WHEN 'agent' THEN agent_name WHEN 'job' THEN job_id WHEN 'outcome' THEN outcome
        END AS label,
        width_bucket(at, %(edges)s::timestamptz[]) AS stretch
    FROM spans
    WHERE tenant_id = %(tenant_id)s
      AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
      AND month BETWEEN %(first_month)s AND %(last_month)s
),
figures AS (
    SELECT
        CASE GROUPING(label, stretch) WHEN 3 THEN 'total' WHEN 1 THEN 'label' ELSE 'stretch' END AS figure,
        label,
        stretch,
        coalesce(sum(cost_nanousd), 0)::bigint AS cost,
        count(*) FILTER (WHERE is_call) AS calls,
        coalesce(sum(input_tokens), 0)::bigint AS input_tokens,
        coalesce(sum(cache_read_input_tokens), 0)::bigint AS cached_input_tokens,
        coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
        coalesce(sum(reasoning_output_tokens), 0)::bigint AS reasoning_tokens,
        count(*) FILTER (WHERE is_call AND downgrade_reason IS NOT NULL) AS downgraded_calls,
        coalesce(sum(saved_nanousd), 0)::bigint AS saved,
        count(*) FILTER (WHERE would_have LIKE 'refuse:%%') AS would_have_refused_calls,
        coalesce(sum(cost_nanousd) FILTER (WHERE would_have LIKE 'refuse:%%'), 0)::bigint AS would_have_refused,
        count(*) FILTER (WHERE would_have LIKE 'downgrade:%%') AS would_have_downgraded_calls
    FROM counted
    GROUP BY GROUPING SETS ((), (label), (stretch))
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY figure ORDER BY cost DESC, calls DESC, label) AS place
    FROM figures
    WHERE figure <> 'label' OR cost <> 0 OR calls > 0
),
latencies AS (
    SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY latency_ms) AS percentiles
    FROM counted
    WHERE is_call AND latency_ms IS NOT NULL
),
months AS (
    SELECT coalesce(sum(cost_nanousd), 0)::bigint AS month_cost
    FROM spans
    WHERE tenant_id = %(tenant_id)s AND month = %(this_month)s
)
SELECT ranked.*, percentiles, month_cost
FROM ranked CROSS JOIN latencies CROSS JOIN months
WHERE figure <> 'label' OR place <= %(labels_max)s
ORDER BY figure, place
