SELECT * FROM page_readings ORDER BY read_at, tenant_id, month
