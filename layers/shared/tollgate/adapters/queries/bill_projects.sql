SELECT tenant_id, project_id, first_seen_at <= %(start)s AND last_seen_at >= %(end)s AS is_whole
FROM provider_projects WHERE first_seen_at < %(end)s AND last_seen_at >= %(start)s
ORDER BY tenant_id, first_seen_at
