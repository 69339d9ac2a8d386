of_labels AS (
    SELECT
        CASE %(group_by)s::text WHEN 'model' THEN response_model WHEN 'agent' THEN agent_name WHEN 'outcome' THEN outcome END AS label, NULL AS connection_id, NULL::integer AS link,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM blocks JOIN label_rollups AS rollup
      ON tenant_id = %(tenant_id)s AND rollup.grain = blocks.grain
     AND rollup.starts_at >= blocks.starts_at AND rollup.starts_at < ends_at
    UNION ALL
    SELECT
        label, NULL, NULL,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM fresh
    WHERE is_within
),
