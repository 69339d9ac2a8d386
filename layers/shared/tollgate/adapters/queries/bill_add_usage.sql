INSERT INTO provider_usage AS kept (
    width, start, endpoint, project_id, model, service_tier, requests, uncached_input_tokens, cache_read_input_tokens,
    cache_creation_input_tokens, output_tokens, fetched_at
)
SELECT
    width, start, endpoint, project_id, model, service_tier, sum(requests), sum(uncached), sum(cached), sum(written),
    sum(output), %(at)s
FROM unnest(
    %(width)s::text[], %(start)s::timestamptz[], %(endpoint)s::text[], %(project_id)s::text[], %(model)s::text[],
    %(service_tier)s::text[], %(requests)s::bigint[], %(uncached)s::bigint[], %(cached)s::bigint[], %(written)s::bigint[],
    %(output)s::bigint[]
) AS told (width, start, endpoint, project_id, model, service_tier, requests, uncached, cached, written, output)
GROUP BY width, start, endpoint, project_id, model, service_tier
ON CONFLICT (width, project_id, start, endpoint, model, service_tier) DO UPDATE SET
    requests = excluded.requests,
    uncached_input_tokens = excluded.uncached_input_tokens,
    cache_read_input_tokens = excluded.cache_read_input_tokens,
    cache_creation_input_tokens = excluded.cache_creation_input_tokens,
    output_tokens = excluded.output_tokens,
    fetched_at = excluded.fetched_at
WHERE kept.fetched_at <= excluded.fetched_at
