INSERT INTO rollup_watermarks (rollup, rolled_up_to, snapshot)
VALUES ('spans', %(rolled_up_to)s, %(until)s)
ON CONFLICT (rollup) DO UPDATE SET rolled_up_to = excluded.rolled_up_to, snapshot = excluded.snapshot
