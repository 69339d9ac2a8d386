SELECT max(last_at) AS last_at FROM dropped_months
