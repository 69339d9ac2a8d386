SELECT min(seq) AS first, max(seq) AS last, min(missed_at) AS since, max(missed_at) AS until
FROM (
    SELECT seq, missed_at, seq - row_number() OVER (ORDER BY seq) AS island
    FROM missing_spans
    WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq <= %(seq)s AND booked_at IS NULL
) AS numbered
GROUP BY island
ORDER BY first
