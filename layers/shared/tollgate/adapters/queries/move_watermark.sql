INSERT INTO rollup_watermarks (rollup, rolled_up_to, snapshot)
SELECT rollup, %(rolled_up_to)s::timestamptz, %(until)s::pg_snapshot FROM unnest(%(rollups)s::text[]) AS rollup
ON CONFLICT (rollup) DO UPDATE SET rolled_up_to = excluded.rolled_up_to, snapshot = excluded.snapshot
