INSERT INTO page_readings (tenant_id, month, epoch, seq, spent_nanousd, spent_by_day, read_at)
VALUES (
    %(tenant_id)s, %(month)s, %(epoch)s, %(seq)s, %(spent)s, %(days)s::jsonb, %(read_at)s
)
ON CONFLICT (tenant_id, month) DO UPDATE SET
    epoch = excluded.epoch,
    seq = excluded.seq,
    spent_nanousd = excluded.spent_nanousd,
    spent_by_day = excluded.spent_by_day,
    read_at = excluded.read_at
WHERE page_readings.read_at < excluded.read_at
