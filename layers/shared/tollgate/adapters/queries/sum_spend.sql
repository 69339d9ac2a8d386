-- `figure` says which a row is: a label's sums, those of the stretch `number`, of the latencies in bucket `number`, of a budget day.
labels AS (
    SELECT
        label, connection_id, min(link) AS link,
        sum(cost_nanousd)::bigint AS cost, sum(calls)::bigint AS calls, sum(input_tokens)::bigint AS input_tokens,
        sum(cache_read_input_tokens)::bigint AS cached_input_tokens, sum(output_tokens)::bigint AS output_tokens,
        sum(reasoning_output_tokens)::bigint AS reasoning_tokens, sum(downgraded_calls)::bigint AS downgraded_calls,
        sum(saved_nanousd)::bigint AS saved, sum(would_have_refused_calls)::bigint AS would_have_refused_calls,
        sum(would_have_refused_nanousd)::bigint AS would_have_refused,
        sum(would_have_downgraded_calls)::bigint AS would_have_downgraded_calls
    FROM of_labels
    GROUP BY label, connection_id
),
ranked AS (
    SELECT *, row_number() OVER (ORDER BY cost DESC, calls DESC, label, connection_id) AS place
    FROM labels
    WHERE (cost, calls, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, downgraded_calls, saved, would_have_refused_calls, would_have_refused, would_have_downgraded_calls)
       <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
),
of_stretches AS (
    SELECT
        width_bucket(rollup.starts_at, %(edges)s::timestamptz[]) AS stretch,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM unnest(%(stretch_grains)s::text[], %(stretch_starts)s::timestamptz[], %(stretch_ends)s::timestamptz[])
      AS block (grain, starts_at, ends_at)
    JOIN tenant_rollups AS rollup
      ON tenant_id = %(tenant_id)s AND rollup.grain = block.grain
     AND rollup.starts_at >= block.starts_at AND rollup.starts_at < ends_at
    UNION ALL
    SELECT
        width_bucket(at, %(edges)s::timestamptz[]),
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM fresh
    WHERE is_within
),
of_latencies AS (
    SELECT bucket, calls, milliseconds
    FROM blocks JOIN latency_rollups AS rollup
      ON tenant_id = %(tenant_id)s AND rollup.grain = blocks.grain
     AND rollup.starts_at >= blocks.starts_at AND rollup.starts_at < ends_at
    UNION ALL
    SELECT floor(8 * ln(greatest(latency_ms, 1)) / ln(2::float8))::integer, 1, latency_ms
    FROM fresh
    WHERE is_within AND is_call AND latency_ms IS NOT NULL
),
of_days AS (
    SELECT day, cost_nanousd FROM budget_days WHERE tenant_id = %(tenant_id)s AND day BETWEEN %(first_day)s AND %(last_day)s
    UNION ALL
    SELECT day, cost_nanousd FROM fresh WHERE is_new AND day BETWEEN %(first_day)s AND %(last_day)s
)
SELECT
    'label' AS figure, CASE WHEN place <= %(labels_max)s THEN label END AS label, least(place, %(labels_max)s + 1) AS number,
    count(*) AS merged, NULL::date AS day, 0::bigint AS milliseconds,
    sum(cost)::bigint AS cost, sum(calls)::bigint AS calls, sum(input_tokens)::bigint AS input_tokens,
    sum(cached_input_tokens)::bigint AS cached_input_tokens, sum(output_tokens)::bigint AS output_tokens,
    sum(reasoning_tokens)::bigint AS reasoning_tokens, sum(downgraded_calls)::bigint AS downgraded_calls,
    sum(saved)::bigint AS saved, sum(would_have_refused_calls)::bigint AS would_have_refused_calls,
    sum(would_have_refused)::bigint AS would_have_refused,
    sum(would_have_downgraded_calls)::bigint AS would_have_downgraded_calls,
    CASE WHEN place <= %(labels_max)s THEN connection_id END AS connection_id, CASE WHEN place <= %(labels_max)s THEN link END AS link
FROM ranked
GROUP BY 2, 3, 18, 19
UNION ALL
SELECT
    'stretch', NULL, stretch, 1, NULL, 0,
    sum(cost_nanousd)::bigint, sum(calls)::bigint, sum(input_tokens)::bigint, sum(cache_read_input_tokens)::bigint,
    sum(output_tokens)::bigint, sum(reasoning_output_tokens)::bigint, sum(downgraded_calls)::bigint, sum(saved_nanousd)::bigint,
    sum(would_have_refused_calls)::bigint, sum(would_have_refused_nanousd)::bigint, sum(would_have_downgraded_calls)::bigint,
    NULL, NULL
FROM of_stretches
GROUP BY stretch
UNION ALL
SELECT 'latency', NULL, bucket, 1, NULL, sum(milliseconds)::bigint, 0, sum(calls)::bigint, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL
FROM of_latencies
GROUP BY bucket
UNION ALL
SELECT 'day', NULL, 0, 1, day, 0, sum(cost_nanousd)::bigint, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL
FROM of_days
GROUP BY day
ORDER BY figure, number, day
