UPDATE page_readings SET compared_at = %(at)s
WHERE tenant_id = %(tenant_id)s AND month = %(month)s::date AND compared_at IS DISTINCT FROM %(at)s
