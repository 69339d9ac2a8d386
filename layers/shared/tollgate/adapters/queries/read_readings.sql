SELECT * FROM page_readings ORDER BY compared_at NULLS FIRST, read_at, tenant_id, month
