-- What reconciliation booked itself has a negative number, and counts for no span.
SELECT day,
       sum(cost_nanousd) FILTER (WHERE seq <= %(seq)s)::bigint AS spent,
       count(*) FILTER (WHERE seq BETWEEN 1 AND %(seq)s) AS spans,
       max(seq) AS newest
FROM spans
WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date
GROUP BY day
ORDER BY day
