SELECT
    coalesce(costs.project_id, usage.project_id) AS project_id,
    coalesce(costs.cost_nanousd, 0) AS cost_nanousd,
    coalesce(usage.requests, 0) AS requests,
    coalesce(usage.tokens, 0) AS tokens
FROM (
    SELECT project_id, sum(cost_nanousd)::bigint AS cost_nanousd FROM provider_costs WHERE day = %(day)s GROUP BY project_id
) AS costs
FULL JOIN (
    SELECT
        project_id,
        sum(requests)::bigint AS requests,
        sum(uncached_input_tokens + cache_read_input_tokens + cache_creation_input_tokens + output_tokens)::bigint AS tokens
    FROM provider_usage WHERE width = '1d' AND start >= %(start)s AND start < %(end)s GROUP BY project_id
) AS usage USING (project_id)
