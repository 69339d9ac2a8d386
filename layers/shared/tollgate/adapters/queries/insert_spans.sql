-- Also takes the number of each from those that are missing; a trigger there takes its amount from money that was booked in its place.
WITH added AS (
    INSERT INTO spans (
        tenant_id, month, epoch, seq, posting, hold, at, day, outcome, cost_nanousd, held_nanousd, saved_nanousd,
        request_model, response_model, downgrade_reason, service_tier,
        input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens,
        latency_ms, upstream_ms, agent_name, run_id, job_id, booking_id, call_id, request_id, response_id, error_type,
        opened_at, would_have, reason
    )
    SELECT *
    FROM unnest(
        %(tenant_id)s::text[], %(month)s::date[], %(epoch)s::integer[], %(seq)s::bigint[],
        %(posting)s::text[], %(hold)s::text[], %(at)s::timestamptz[], %(day)s::date[], %(outcome)s::text[],
        %(cost_nanousd)s::bigint[], %(held_nanousd)s::bigint[], %(saved_nanousd)s::bigint[],
        %(request_model)s::text[], %(response_model)s::text[], %(downgrade_reason)s::text[], %(service_tier)s::text[],
        %(input_tokens)s::bigint[], %(cache_read_input_tokens)s::bigint[], %(cache_creation_input_tokens)s::bigint[],
        %(output_tokens)s::bigint[], %(reasoning_output_tokens)s::bigint[],
        %(latency_ms)s::bigint[], %(upstream_ms)s::bigint[], %(agent_name)s::text[], %(run_id)s::text[], %(job_id)s::text[],
        %(booking_id)s::text[], %(call_id)s::text[], %(request_id)s::text[], %(response_id)s::text[], %(error_type)s::text[],
        %(opened_at)s::timestamptz[], %(would_have)s::text[], %(reason)s::text[]
    )
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, month, seq, at
), found AS (
    DELETE FROM missing_spans
    USING added
    WHERE missing_spans.tenant_id = added.tenant_id AND missing_spans.month = added.month AND missing_spans.seq = added.seq
)
SELECT count(*) AS added, min(at) AS oldest_at FROM added
