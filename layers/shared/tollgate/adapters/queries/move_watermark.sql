INSERT INTO rollup_watermarks AS watermark (rollup, rolled_up_to)
VALUES ('span_rollups', %(until)s)
ON CONFLICT (rollup) DO UPDATE SET rolled_up_to = greatest(watermark.rolled_up_to, excluded.rolled_up_to)
