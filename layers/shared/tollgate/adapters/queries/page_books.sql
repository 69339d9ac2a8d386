-- A span that turned up has taken its number from those that are given up, and its amount from the unexplained money (LEDGER.md, "Spans").
SELECT tenant_id, count, numbers, greatest(stored.seq, given_up.seq, 0) AS seq, epoch, spent, unexplained,
       coalesce(given_up.count_lost, 0) AS lost
FROM (
    SELECT tenant_id, count(*) FILTER (WHERE seq > 0) AS count, count(DISTINCT seq) FILTER (WHERE seq > 0) AS numbers,
           max(seq) FILTER (WHERE seq > 0) AS seq, max(epoch) AS epoch, sum(cost_nanousd)::bigint AS spent,
           coalesce(sum(cost_nanousd) FILTER (WHERE seq < 0), 0)::bigint AS unexplained
    FROM spans
    WHERE month = %(month)s::date
    GROUP BY tenant_id
) AS stored
FULL JOIN (
    SELECT tenant_id, count(*) AS count_lost, max(seq) AS seq
    FROM missing_spans
    WHERE month = %(month)s::date AND booked_at IS NOT NULL
    GROUP BY tenant_id
) AS given_up USING (tenant_id)
ORDER BY tenant_id
