(SELECT * FROM drifts WHERE closed_at IS NULL ORDER BY first_seen_at, id)
UNION ALL
(SELECT * FROM drifts WHERE closed_at IS NOT NULL ORDER BY closed_at DESC, id DESC LIMIT %(count)s)
