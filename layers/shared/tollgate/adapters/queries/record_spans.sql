SELECT *
FROM spans
WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND at >= %(since)s
  AND (posting = 'record' OR (posting = 'settle' AND latency_ms IS NULL) OR (posting = 'late' AND outcome = 'corrected'))
ORDER BY epoch, seq
