-- A number that two epochs gave out is one.
SELECT (
    SELECT count(DISTINCT seq) FROM spans
    WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq BETWEEN 1 AND %(seq)s
) AS numbers, (
    SELECT count(*) FROM missing_spans
    WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq <= %(seq)s AND booked_at IS NOT NULL
) AS booked
