SELECT day, fetched_at FROM provider_days WHERE day > current_date - 60
