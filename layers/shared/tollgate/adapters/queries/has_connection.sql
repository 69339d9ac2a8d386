SELECT EXISTS (SELECT FROM servicetitan_connections WHERE tenant_id = %(tenant_id)s) AS has_connection
