DELETE FROM span_rollups AS rollup
USING unnest(%(tenants)s::text[], %(hours)s::timestamptz[]) AS touched (tenant_id, hour)
WHERE rollup.tenant_id = touched.tenant_id AND rollup.hour = touched.hour
