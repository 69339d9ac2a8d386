-- A span that stands for others that are lost has a number of its own: `unexplained` (LEDGER.md, "Spans").
SELECT tenant_id, count(*) AS count, count(DISTINCT seq) AS numbers, max(seq) AS seq, max(epoch) AS epoch,
       sum(cost_nanousd)::bigint AS spent, bool_or(posting = 'unexplained') AS is_explained
FROM spans
WHERE month = %(month)s::date
GROUP BY tenant_id
ORDER BY tenant_id
