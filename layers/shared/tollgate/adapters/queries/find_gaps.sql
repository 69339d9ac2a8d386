-- Restoring a page begins an epoch and goes on counting, so the numbers run through all epochs of a page.
SELECT tenant_id, month, epoch, last_seq + 1 AS first_missing, seq - 1 AS last_missing
FROM (
    SELECT tenant_id, month, epoch, seq, lag(seq, 1, 0::bigint) OVER (PARTITION BY tenant_id, month ORDER BY epoch, seq) AS last_seq
    FROM spans
    WHERE month >= %(since)s
) AS numbered
WHERE seq > last_seq + 1
ORDER BY tenant_id, month, epoch, first_missing
