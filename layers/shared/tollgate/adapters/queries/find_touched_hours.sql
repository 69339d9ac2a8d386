SELECT DISTINCT tenant_id, date_trunc('hour', at, 'UTC') AS hour
FROM spans
WHERE inserted_at >= coalesce(
    (SELECT rolled_up_to FROM rollup_watermarks WHERE rollup = 'span_rollups') - %(overlap)s::interval, '-infinity'
)
ORDER BY hour, tenant_id
