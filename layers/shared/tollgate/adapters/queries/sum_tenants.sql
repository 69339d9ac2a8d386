-- Every tenant's sums of a period, in one snapshot, as in `sum_spend`: a page of them by their ids, and a row of all (`tenant_id` NULL).
WITH mark AS MATERIALIZED (
    SELECT coalesce((SELECT snapshot FROM rollup_watermarks WHERE rollup = 'spans'), '3:3:') AS snapshot
),
arrived AS (
    SELECT *
    FROM spans
    WHERE arrived_in >= (SELECT pg_snapshot_xmin(snapshot) FROM mark)
      -- True of whatever is visible; without it the planner takes a third of all spans for new, and reads them all.
      AND arrived_in < pg_snapshot_xmax(pg_current_snapshot())
      AND NOT pg_visible_in_snapshot(arrived_in, (SELECT snapshot FROM mark))
      AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
),
of_tenants AS (
    SELECT
        tenant_id,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM unnest(%(grains)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS block (grain, starts_at, ends_at)
    JOIN tenant_rollups AS rollup
      ON rollup.grain = block.grain AND rollup.starts_at >= block.starts_at AND rollup.starts_at < ends_at
    UNION ALL
    SELECT
        tenant_id,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls, saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM (
        SELECT
            tenant_id,
            is_call::integer AS calls,
            (is_call AND downgrade_reason IS NOT NULL)::integer AS downgraded_calls,
            would_have_refused::integer AS would_have_refused_calls,
            CASE WHEN would_have_refused THEN cost_nanousd ELSE 0 END AS would_have_refused_nanousd,
            (would_have LIKE 'downgrade:%%' IS TRUE)::integer AS would_have_downgraded_calls,
            input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, cost_nanousd, saved_nanousd
        FROM arrived
        CROSS JOIN LATERAL (
            SELECT
                outcome = ANY (%(calls)s) AND posting <> %(never_a_call)s AS is_call,
                would_have LIKE 'refuse:%%' IS TRUE AS would_have_refused
        ) AS meant
    ) AS fresh
),
tenants AS (
    SELECT
        tenant_id,
        sum(cost_nanousd)::bigint AS cost, sum(calls)::bigint AS calls, sum(input_tokens)::bigint AS input_tokens,
        sum(cache_read_input_tokens)::bigint AS cached_input_tokens, sum(output_tokens)::bigint AS output_tokens,
        sum(reasoning_output_tokens)::bigint AS reasoning_tokens, sum(downgraded_calls)::bigint AS downgraded_calls,
        sum(saved_nanousd)::bigint AS saved, sum(would_have_refused_calls)::bigint AS would_have_refused_calls,
        sum(would_have_refused_nanousd)::bigint AS would_have_refused,
        sum(would_have_downgraded_calls)::bigint AS would_have_downgraded_calls
    FROM of_tenants
    GROUP BY tenant_id
),
page AS (
    SELECT * FROM tenants WHERE tenant_id > %(after)s ORDER BY tenant_id LIMIT %(limit)s
)
SELECT tenant_id, 1 AS tenants, cost, calls, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, downgraded_calls, saved, would_have_refused_calls, would_have_refused, would_have_downgraded_calls FROM page
UNION ALL
SELECT
    NULL, count(*),
    coalesce(sum(cost), 0)::bigint, coalesce(sum(calls), 0)::bigint, coalesce(sum(input_tokens), 0)::bigint,
    coalesce(sum(cached_input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
    coalesce(sum(reasoning_tokens), 0)::bigint, coalesce(sum(downgraded_calls), 0)::bigint, coalesce(sum(saved), 0)::bigint,
    coalesce(sum(would_have_refused_calls), 0)::bigint, coalesce(sum(would_have_refused), 0)::bigint,
    coalesce(sum(would_have_downgraded_calls), 0)::bigint
FROM tenants
ORDER BY tenant_id
