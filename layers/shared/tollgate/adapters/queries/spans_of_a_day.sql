-- Those of one day (UTC) that the rollups had before they were emptied of it. Tenant by tenant, because the index begins with these;
-- of any month, because a record can count on the page of a hold that is long over.
WITH fresh AS MATERIALIZED (
    SELECT span.*
    FROM (SELECT DISTINCT tenant_id FROM budget_days) AS tenant
    CROSS JOIN LATERAL (
        SELECT *
        FROM spans
        WHERE spans.tenant_id = tenant.tenant_id AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
          AND pg_visible_in_snapshot(arrived_in, %(until)s::pg_snapshot)
    ) AS span
),
