SELECT * FROM provider_usage
WHERE width = '1m' AND project_id = %(project_id)s AND start >= %(start)s AND start < %(end)s AND fetched_at = %(at)s
