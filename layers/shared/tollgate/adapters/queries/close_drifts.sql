UPDATE drifts SET closed_at = %(at)s WHERE id = ANY(%(ids)s::bigint[]) AND closed_at IS NULL
