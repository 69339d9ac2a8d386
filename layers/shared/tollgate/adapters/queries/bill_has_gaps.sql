SELECT EXISTS (
    SELECT FROM missing_spans WHERE tenant_id = %(tenant_id)s AND month BETWEEN %(first_month)s AND %(last_month)s
) OR EXISTS (
    SELECT FROM unnest(%(month)s::date[], %(seq)s::bigint[]) AS page (month, seq)
    WHERE page.seq > (
        SELECT count(DISTINCT spans.seq) FROM spans
        WHERE tenant_id = %(tenant_id)s AND spans.month = page.month AND spans.seq BETWEEN 1 AND page.seq
    )
) AS has_gaps
