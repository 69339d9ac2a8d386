SELECT tenant_id, month, sum(cost_nanousd)::bigint AS cost_nanousd, max(seq) AS seq,
       sum(greatest(seq - last_seq - 1, 0))::bigint AS missing
FROM (
    SELECT tenant_id, month, seq, cost_nanousd,
           lag(seq, 1, 0::bigint) OVER (PARTITION BY tenant_id, month ORDER BY epoch, seq) AS last_seq
    FROM spans
) AS numbered
GROUP BY tenant_id, month
ORDER BY tenant_id, month
