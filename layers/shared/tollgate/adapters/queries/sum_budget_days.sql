-- Of one page's month, anew: what the rollups have of it, and nothing else. Not of one whose spans were dropped.
INSERT INTO budget_days AS rollup (tenant_id, day, spans, cost_nanousd)
SELECT tenant_id, day, count(*), sum(cost_nanousd)
FROM spans
WHERE month = %(month)s AND pg_visible_in_snapshot(arrived_in, %(until)s::pg_snapshot)
  AND NOT EXISTS (SELECT FROM dropped_months WHERE dropped_months.month = %(month)s)
GROUP BY tenant_id, day
ON CONFLICT (tenant_id, day) DO UPDATE SET spans = excluded.spans, cost_nanousd = excluded.cost_nanousd
