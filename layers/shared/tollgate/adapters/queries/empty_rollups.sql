-- Those of one day (UTC), which are then summed again.
WITH of_tenants AS (
    DELETE FROM tenant_rollups WHERE starts_at >= %(start)s::timestamptz AND starts_at < %(end)s::timestamptz
),
of_labels AS (
    DELETE FROM label_rollups WHERE starts_at >= %(start)s::timestamptz AND starts_at < %(end)s::timestamptz
),
of_jobs AS (
    DELETE FROM job_rollups WHERE starts_at >= %(start)s::timestamptz AND starts_at < %(end)s::timestamptz
),
of_runs AS (
    DELETE FROM run_rollups WHERE starts_at >= %(start)s::timestamptz AND starts_at < %(end)s::timestamptz
)
DELETE FROM latency_rollups WHERE starts_at >= %(start)s::timestamptz AND starts_at < %(end)s::timestamptz
