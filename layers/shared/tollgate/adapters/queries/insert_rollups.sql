INSERT INTO span_rollups (
    tenant_id, hour, response_model, agent_name, outcome, spans, calls, downgraded_calls,
    input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens,
    cost_nanousd, held_nanousd, saved_nanousd
)
SELECT
    touched.tenant_id, touched.hour, response_model, agent_name, outcome,
    count(*),
    count(*) FILTER (WHERE outcome = ANY (%(calls)s) AND posting <> %(never_a_call)s),
    count(*) FILTER (WHERE outcome = ANY (%(calls)s) AND posting <> %(never_a_call)s AND downgrade_reason IS NOT NULL),
    sum(input_tokens), sum(cache_read_input_tokens), sum(cache_creation_input_tokens), sum(output_tokens), sum(reasoning_output_tokens),
    sum(cost_nanousd), sum(held_nanousd), sum(saved_nanousd)
FROM unnest(%(tenants)s::text[], %(hours)s::timestamptz[]) AS touched (tenant_id, hour)
JOIN spans
  ON spans.tenant_id = touched.tenant_id AND spans.at >= touched.hour AND spans.at < touched.hour + interval '1 hour'
 AND spans.month BETWEEN %(first_month)s AND %(last_month)s
GROUP BY touched.tenant_id, touched.hour, response_model, agent_name, outcome
