INSERT INTO provider_costs AS kept (day, project_id, line_item, cost_nanousd, fetched_at)
SELECT day, project_id, line_item, sum(cost_nanousd), %(at)s
FROM unnest(%(day)s::date[], %(project_id)s::text[], %(line_item)s::text[], %(cost_nanousd)s::bigint[])
    AS told (day, project_id, line_item, cost_nanousd)
GROUP BY day, project_id, line_item
ON CONFLICT (day, project_id, line_item)
DO UPDATE SET cost_nanousd = excluded.cost_nanousd, fetched_at = excluded.fetched_at
WHERE kept.fetched_at <= excluded.fetched_at
