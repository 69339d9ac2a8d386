SELECT *
FROM spans
WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND seq > %(seq)s
  AND (epoch, seq) > (%(last_epoch)s::integer, %(last_seq)s::bigint)
ORDER BY epoch, seq
LIMIT %(count)s
