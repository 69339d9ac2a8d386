INSERT INTO provider_findings AS kept (
    tenant_id, hold, model, began_at, ended_at, booked_nanousd, cost_nanousd, input_tokens, output_tokens, reason, found_at
)
SELECT %(tenant_id)s, hold, model, began_at, ended_at, booked_nanousd, cost_nanousd, input_tokens, output_tokens, reason, %(at)s
FROM unnest(
    %(hold)s::text[], %(model)s::text[], %(began_at)s::timestamptz[], %(ended_at)s::timestamptz[], %(booked_nanousd)s::bigint[],
    %(cost_nanousd)s::bigint[], %(input_tokens)s::bigint[], %(output_tokens)s::bigint[], %(reason)s::text[]
) AS found (hold, model, began_at, ended_at, booked_nanousd, cost_nanousd, input_tokens, output_tokens, reason)
ON CONFLICT (tenant_id, hold) DO UPDATE SET
    cost_nanousd = excluded.cost_nanousd,
    input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens,
    reason = excluded.reason,
    found_at = excluded.found_at
