INSERT INTO servicetitan_connections (connection_id, tenant_id, timezone, seen_at)
VALUES (%(connection_id)s, %(tenant_id)s, %(timezone)s, %(at)s)
ON CONFLICT (connection_id) DO UPDATE SET tenant_id = excluded.tenant_id, timezone = excluded.timezone, seen_at = excluded.seen_at
