SELECT EXISTS (
    SELECT FROM missing_spans WHERE tenant_id = %(tenant_id)s AND month BETWEEN %(first_month)s AND %(last_month)s
) AS has_gaps
