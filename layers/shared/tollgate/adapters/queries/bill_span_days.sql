-- Calls that closed within the day, and those shortly after it that may have begun in it. A hold whose key begins with a capital is
-- a call of the gate; what was posted for it since (late, cancelled, corrected) belongs to the day on which it closed first.
WITH asked AS MATERIALIZED (SELECT unnest(%(tenants)s::text[]) AS tenant_id),
closed AS MATERIALIZED (
    SELECT
        tenant_id, month, hold, at, outcome, cost_nanousd, input_tokens + output_tokens AS tokens,
        coalesce(opened_at, at - coalesce(latency_ms, 0) * interval '1 millisecond') AS began
    FROM asked JOIN spans USING (tenant_id)
    WHERE at >= %(start)s AND at < %(end)s + interval '6 hours' AND month BETWEEN %(first_month)s AND %(last_month)s
        AND posting IN ('settle', 'lapse') AND ascii(hold) BETWEEN 65 AND 90
),
since AS MATERIALIZED (
    SELECT
        tenant_id, month, hold, sum(cost_nanousd)::bigint AS cost_nanousd,
        sum(input_tokens + output_tokens)::bigint AS tokens
    FROM asked JOIN spans USING (tenant_id)
    -- The ledger remembers for an hour what it was that closed a hold; after two weeks nobody adds to a day any more.
    WHERE at >= %(start)s AND at < %(end)s + interval '14 days' AND month BETWEEN %(first_month)s AND %(last_month)s
        AND posting IN ('late', 'cancel', 'correct')
    GROUP BY tenant_id, month, hold
),
-- What a person added to the day's books, because it was spent and in none.
added AS MATERIALIZED (
    SELECT tenant_id, sum(cost_nanousd)::bigint AS cost_nanousd
    FROM asked JOIN spans USING (tenant_id)
    WHERE at >= %(start)s AND at < %(end)s + interval '14 days' AND day = %(day)s AND month BETWEEN %(first_month)s AND %(last_month)s
        AND posting = 'record' AND outcome = 'corrected'
    GROUP BY tenant_id
),
calls AS (
    SELECT
        closed.tenant_id,
        closed.at < %(end)s AS is_within,
        closed.cost_nanousd + coalesce(since.cost_nanousd, 0) AS cost_nanousd,
        closed.tokens + coalesce(since.tokens, 0) AS tokens,
        closed.outcome IN ('unknown', 'lapsed') AND since.hold IS NULL AS is_unsettled,
        -- A person who corrects a call knows its cost, and not always its tokens.
        closed.outcome IN ('unknown', 'lapsed') AND coalesce(since.tokens, 0) = 0 AS has_unknown_use,
        (began < %(start)s + interval '1 minute')
        OR (began < %(end)s + interval '1 minute' AND at >= %(end)s - interval '1 minute') AS is_straddling
    FROM closed LEFT JOIN since USING (tenant_id, month, hold)
)
SELECT
    tenant_id,
    coalesce(sum(calls.cost_nanousd) FILTER (WHERE is_within), 0)::bigint + coalesce(max(added.cost_nanousd), 0) AS cost,
    count(*) FILTER (WHERE is_within) AS calls,
    coalesce(sum(tokens) FILTER (WHERE is_within), 0)::bigint AS tokens,
    coalesce(sum(calls.cost_nanousd) FILTER (WHERE is_straddling), 0)::bigint AS straddling_cost,
    coalesce(sum(tokens) FILTER (WHERE is_straddling), 0)::bigint AS straddling_tokens,
    coalesce(sum(calls.cost_nanousd) FILTER (WHERE is_within AND is_unsettled), 0)::bigint AS unsettled,
    count(*) FILTER (WHERE is_within AND has_unknown_use) AS unsettled_calls
FROM calls FULL JOIN added USING (tenant_id) GROUP BY tenant_id
