SELECT tenant_id, month, sum(cost_nanousd)::bigint AS cost_nanousd, coalesce(max(seq) FILTER (WHERE seq > 0), 0) AS seq,
       sum(greatest(seq - last_seq - 1, 0)) FILTER (WHERE seq > 0)::bigint AS missing
FROM (
    -- Unexplained money has negative numbers, which come before all others.
    SELECT tenant_id, month, seq, cost_nanousd,
           greatest(lag(seq, 1, 0::bigint) OVER (PARTITION BY tenant_id, month ORDER BY seq > 0, epoch, seq), 0) AS last_seq
    FROM spans
) AS numbered
GROUP BY tenant_id, month
ORDER BY tenant_id, month
