-- What is shown of jobs. An adjustment that names no job is one of the invoice that it corrects.
WITH RECURSIVE jobs AS (
    SELECT * FROM unnest(%(connection_ids)s::text[], %(ids)s::bigint[]) AS job (connection_id, id)
),
invoices AS (
    SELECT connection_id, invoice.id, invoice.job_id, subtotal, is_active
    FROM jobs JOIN servicetitan_invoices AS invoice USING (connection_id)
    WHERE invoice.job_id = jobs.id
    UNION ALL
    SELECT connection_id, adjustment.id, invoices.job_id, adjustment.subtotal, adjustment.is_active
    FROM invoices JOIN servicetitan_invoices AS adjustment USING (connection_id)
    WHERE adjustment.adjustment_to_id = invoices.id AND adjustment.job_id IS NULL
)
SELECT
    connection_id, id, number, status, created_on AS booked_on,
    (
        SELECT coalesce(sum(subtotal), 0) FROM invoices
        WHERE invoices.connection_id = jobs.connection_id AND invoices.job_id = jobs.id AND is_active
    ) AS invoiced
FROM jobs JOIN servicetitan_jobs USING (connection_id, id)
