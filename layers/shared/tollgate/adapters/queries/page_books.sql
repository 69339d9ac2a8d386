-- A span that turned up has taken its number from those that are given up, and its amount from the unexplained money (LEDGER.md, "Spans").
SELECT tenant_id, coalesce(count, 0) AS count, coalesce(numbers, 0) AS numbers, greatest(stored.seq, given_up.seq, 0) AS seq,
       coalesce(epoch, 0) AS epoch, coalesce(spent, 0) AS spent, coalesce(given_up.lost, 0) AS lost
FROM (
    SELECT tenant_id, count(*) FILTER (WHERE seq > 0) AS count, count(DISTINCT seq) FILTER (WHERE seq > 0) AS numbers,
           max(seq) FILTER (WHERE seq > 0) AS seq, max(epoch) AS epoch, sum(cost_nanousd)::bigint AS spent
    FROM spans
    WHERE month = %(month)s::date
    GROUP BY tenant_id
) AS stored
FULL JOIN (
    SELECT tenant_id, count(*) AS lost, max(seq) AS seq
    FROM missing_spans
    WHERE month = %(month)s::date AND booked_at IS NOT NULL
    GROUP BY tenant_id
) AS given_up USING (tenant_id)
ORDER BY tenant_id
