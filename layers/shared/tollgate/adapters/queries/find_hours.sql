SELECT DISTINCT tenant_id, date_trunc('hour', at, 'UTC') AS hour
FROM spans
WHERE at >= date_trunc('hour', %(start)s::timestamptz, 'UTC') AND at < %(end)s::timestamptz
  AND month BETWEEN %(first_month)s AND %(last_month)s
ORDER BY hour, tenant_id
