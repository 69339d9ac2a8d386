SELECT DISTINCT tenant_id, date_trunc('hour', at, 'UTC') AS hour
FROM spans
WHERE inserted_at >= %(since)s::timestamptz - %(overlap)s::interval AND inserted_at < %(until)s
ORDER BY hour, tenant_id
