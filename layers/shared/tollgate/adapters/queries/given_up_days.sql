SELECT day, sum(cost_nanousd)::bigint AS spent, coalesce(sum(cost_nanousd) FILTER (WHERE seq < 0), 0)::bigint AS unexplained
FROM spans
WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date
GROUP BY day
ORDER BY day
