WITH costs AS (DELETE FROM provider_costs WHERE day = %(day)s AND fetched_at < %(at)s),
usage AS (
    DELETE FROM provider_usage WHERE width = '1d' AND start >= %(start)s AND start < %(end)s AND fetched_at < %(at)s
)
INSERT INTO provider_days AS kept (day, fetched_at) VALUES (%(day)s, %(at)s)
ON CONFLICT (day) DO UPDATE SET fetched_at = greatest(kept.fetched_at, excluded.fetched_at)
