-- The day of the last span before the first number that is missing.
SELECT day FROM spans
WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq BETWEEN 1 AND (
    SELECT min(seq) FROM missing_spans
    WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND booked_at IS NULL
)
ORDER BY seq DESC
LIMIT 1
