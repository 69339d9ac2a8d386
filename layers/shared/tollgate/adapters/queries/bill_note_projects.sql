INSERT INTO provider_projects AS seen (tenant_id, project_id, first_seen_at, last_seen_at)
SELECT tenant_id, project_id, %(at)s, %(at)s FROM unnest(%(tenant_id)s::text[], %(project_id)s::text[]) AS told (tenant_id, project_id)
ON CONFLICT (tenant_id, project_id) DO UPDATE SET last_seen_at = greatest(seen.last_seen_at, excluded.last_seen_at)
