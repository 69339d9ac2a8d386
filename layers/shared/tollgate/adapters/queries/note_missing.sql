INSERT INTO missing_spans (tenant_id, month, seq, missed_at)
SELECT %(tenant_id)s, %(month)s::date, number, %(at)s
FROM (
    SELECT seq, lead(seq, 1, %(seq)s::bigint + 1) OVER (ORDER BY seq) AS next
    FROM (
        SELECT 0::bigint AS seq
        UNION
        SELECT seq FROM spans
        WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq BETWEEN 1 AND %(seq)s
    ) AS numbers
) AS neighbours, generate_series(seq + 1, next - 1) AS number
ON CONFLICT DO NOTHING
