-- Restoring a page begins an epoch and goes on counting, so the numbers run through all epochs of a page. A number whose money is booked
-- as unexplained is no gap any more.
SELECT tenant_id, month, epoch, last_seq + 1 AS first_missing, seq - 1 AS last_missing
FROM (
    SELECT tenant_id, month, epoch, seq, lag(seq, 1, 0::bigint) OVER (PARTITION BY tenant_id, month ORDER BY epoch, seq) AS last_seq
    FROM (
        SELECT tenant_id, month, epoch, seq FROM spans WHERE month >= %(since)s AND seq > 0
        UNION ALL
        SELECT missing_spans.tenant_id, missing_spans.month, coalesce(before.epoch, 0), missing_spans.seq
        FROM missing_spans
        LEFT JOIN LATERAL (
            SELECT max(spans.epoch) AS epoch FROM spans
            WHERE spans.tenant_id = missing_spans.tenant_id AND spans.month = missing_spans.month
              AND spans.seq BETWEEN 1 AND missing_spans.seq
        ) AS before ON true
        WHERE missing_spans.month >= %(since)s AND missing_spans.booked_at IS NOT NULL
    ) AS known
) AS numbered
WHERE seq > last_seq + 1
ORDER BY tenant_id, month, epoch, first_missing
