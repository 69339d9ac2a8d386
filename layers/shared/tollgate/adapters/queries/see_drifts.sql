-- xmax is 0 in a row that this statement inserted, and not in one that it found.
INSERT INTO drifts AS kept (kind, tenant_id, month, day, expected_nanousd, found_nanousd, detail, first_seen_at, last_seen_at)
SELECT kind, tenant_id, month, day, expected_nanousd, found_nanousd, detail::jsonb, %(at)s, %(at)s
FROM unnest(
    %(kind)s::text[], %(tenant_id)s::text[], %(month)s::date[], %(day)s::date[],
    %(expected)s::bigint[], %(found)s::bigint[], %(detail)s::text[]
) AS seen (kind, tenant_id, month, day, expected_nanousd, found_nanousd, detail)
ON CONFLICT (kind, tenant_id, month, day) WHERE closed_at IS NULL DO UPDATE SET
    expected_nanousd = excluded.expected_nanousd,
    found_nanousd = excluded.found_nanousd,
    detail = excluded.detail,
    last_seen_at = greatest(kept.last_seen_at, excluded.last_seen_at)
RETURNING kept.*, (xmax = 0) AS is_new
