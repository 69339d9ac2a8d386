SELECT * FROM drifts WHERE closed_at IS NULL AND kind = ANY(%(kinds)s::text[]) ORDER BY first_seen_at, id
