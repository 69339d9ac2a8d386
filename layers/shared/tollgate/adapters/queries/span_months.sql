-- Of partitions by month: not of what waits in the default one.
SELECT to_char(to_date(partition.relname, '"spans_"YYYY_MM'), 'YYYY-MM') AS month
FROM pg_inherits JOIN pg_class AS partition ON partition.oid = inhrelid
WHERE inhparent = 'spans'::regclass
  AND partition.relname ~ '^spans_[0-9]{4}_[0-9]{2}$'
  AND partition.relname < 'spans_' || replace(%(month)s, '-', '_')
ORDER BY month
