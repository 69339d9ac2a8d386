SELECT min(seq) AS first, max(seq) AS last
FROM (
    SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island
    FROM missing_spans
    WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND booked_at IS NOT NULL
) AS numbered
GROUP BY island
ORDER BY first
