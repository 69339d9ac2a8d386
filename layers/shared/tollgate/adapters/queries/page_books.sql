-- A span that turned up has taken its number from those that are given up, and its amount from the unexplained money (LEDGER.md, "Spans").
-- What was dropped was counted then; a span that came after that has a number of its own.
SELECT tenant_id, coalesce(count, 0) AS count, coalesce(numbers, 0) AS numbers, greatest(stored.seq, given_up.seq, 0) AS seq,
       coalesce(epoch, 0) AS epoch, coalesce(spent, 0) AS spent, coalesce(given_up.lost, 0) AS lost
FROM (
    SELECT tenant_id, sum(count)::bigint AS count, sum(numbers)::bigint AS numbers, max(seq) AS seq, max(epoch) AS epoch,
           sum(spent)::bigint AS spent
    FROM (
        SELECT tenant_id, count(*) FILTER (WHERE seq > 0) AS count, count(DISTINCT seq) FILTER (WHERE seq > 0) AS numbers,
               max(seq) FILTER (WHERE seq > 0) AS seq, max(epoch) AS epoch, sum(cost_nanousd) AS spent
        FROM spans
        WHERE month = %(month)s::date
        GROUP BY tenant_id
        UNION ALL
        SELECT tenant_id, count, numbers, seq, epoch, spent FROM dropped_page_books WHERE month = %(month)s::date
    ) AS books
    GROUP BY tenant_id
) AS stored
FULL JOIN (
    SELECT tenant_id, count(*) AS lost, max(seq) AS seq
    FROM missing_spans
    WHERE month = %(month)s::date AND booked_at IS NOT NULL
    GROUP BY tenant_id
) AS given_up USING (tenant_id)
