-- Tenants with a project of their own that have calls which lapsed lately, and of which nothing was posted since.
SELECT DISTINCT lapsed.tenant_id, own.project_id
FROM (
    SELECT DISTINCT ON (tenant_id) tenant_id, project_id FROM provider_projects
    ORDER BY tenant_id, last_seen_at DESC, first_seen_at DESC
) AS own
JOIN spans AS lapsed USING (tenant_id)
WHERE lapsed.at >= %(since)s AND lapsed.month BETWEEN %(first_month)s AND %(last_month)s
    AND lapsed.posting = 'lapse' AND lapsed.outcome = 'lapsed'
    AND NOT EXISTS (
        SELECT FROM spans AS later
        WHERE later.tenant_id = lapsed.tenant_id AND later.month = lapsed.month AND later.at >= lapsed.at
            AND later.hold = lapsed.hold AND later.posting IN ('late', 'cancel', 'correct')
    )
