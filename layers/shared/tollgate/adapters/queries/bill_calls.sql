-- A tenant's calls that touch a stretch of time, with what is known of the use of each.
WITH closed AS (
    SELECT
        month, day, hold, at, outcome, response_model, cost_nanousd,
        coalesce(opened_at, at - coalesce(latency_ms, 0) * interval '1 millisecond') AS began,
        input_tokens - cache_read_input_tokens - cache_creation_input_tokens AS uncached,
        cache_read_input_tokens AS cached, cache_creation_input_tokens AS written, output_tokens AS output
    FROM spans
    WHERE tenant_id = %(tenant_id)s AND at >= %(start)s AND at < %(end)s + interval '6 hours'
        AND month BETWEEN %(first_month)s AND %(last_month)s
        AND posting IN ('settle', 'lapse') AND outcome IN ('ok', 'unknown', 'lapsed', 'failed') AND ascii(hold) BETWEEN 65 AND 90
),
since AS (
    SELECT
        month, hold, bool_and(posting = 'late' AND outcome = 'ok') AS is_settled, max(at) AS at,
        sum(input_tokens - cache_read_input_tokens - cache_creation_input_tokens)::bigint AS uncached,
        sum(cache_read_input_tokens)::bigint AS cached, sum(cache_creation_input_tokens)::bigint AS written,
        sum(output_tokens)::bigint AS output
    FROM spans
    WHERE tenant_id = %(tenant_id)s AND at >= %(start)s AND at < %(end)s + interval '14 days' AND month BETWEEN %(first_month)s AND %(last_month)s
        AND posting IN ('late', 'cancel', 'correct')
    GROUP BY month, hold
)
SELECT
    to_char(closed.month, 'YYYY-MM') || '.' || to_char(closed.day, 'DD') || '.' || hold AS hold,
    coalesce(response_model, '') AS model,
    began,
    greatest(closed.at, since.at) AS ended,
    CASE
        WHEN outcome = 'ok' AND since.hold IS NULL OR coalesce(since.is_settled, false) THEN 'used'
        WHEN outcome IN ('unknown', 'lapsed') AND since.hold IS NULL THEN 'open'
        ELSE 'doubtful'
    END AS knowledge,
    cost_nanousd AS booked,
    closed.uncached + coalesce(since.uncached, 0) AS uncached,
    closed.cached + coalesce(since.cached, 0) AS cached,
    closed.written + coalesce(since.written, 0) AS written,
    closed.output + coalesce(since.output, 0) AS output
FROM closed LEFT JOIN since USING (month, hold)
WHERE began < %(end)s
