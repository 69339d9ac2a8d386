-- Of the runs that began in the period: whether they booked a job, or the job was there before them.
of_jobs AS MATERIALIZED (
    SELECT
        run, connection_id, id, first_link, status, is_active, coalesce(created_on >= begun_at - %(clock_skew)s, false) AS is_booked
    FROM of_runs_jobs
    WHERE begun_at >= %(start)s::timestamptz AND begun_at < %(end)s::timestamptz
),
runs AS MATERIALIZED (
    SELECT
        run, sum(cost)::bigint AS cost, bool_or(job_link IS NOT NULL) AS has_job, bool_or(is_booked) AS has_booked,
        bool_or(booking_link IS NOT NULL) AS has_booking, bool_or(call_link IS NOT NULL) AS has_call,
        coalesce(min(job_link), min(booking_link), min(call_link)) AS link
    FROM (
        SELECT run, begun_at, cost_nanousd AS cost, NULL::integer AS job_link, false AS is_booked, NULL::integer AS booking_link,
               NULL::integer AS call_link
        FROM numbered
        UNION ALL
        SELECT run, %(start)s::timestamptz, 0, first_link, is_booked, NULL, NULL FROM of_jobs
        UNION ALL
        SELECT run, begun_at, 0, NULL, NULL, link, NULL FROM of_bookings
        UNION ALL
        SELECT run, begun_at, 0, NULL, NULL, NULL, 4 FROM of_calls
    ) AS found
    WHERE begun_at >= %(start)s::timestamptz AND begun_at < %(end)s::timestamptz
    GROUP BY run
),
-- Those that the runs led to, and all that were created in the period.
jobs AS MATERIALIZED (
    SELECT
        connection_id, id, bool_or(is_booked) AS is_booked, bool_or(is_served) AS is_served, bool_or(is_created) AS is_created,
        bool_or(status = 'Completed') AS is_completed, bool_or(status = 'Canceled' OR NOT is_active) AS is_cancelled
    FROM (
        SELECT connection_id, id, status, is_active, is_booked, NOT is_booked AS is_served, false AS is_created FROM of_jobs
        UNION ALL
        SELECT connection_id, id, status, is_active, false, false, true
        FROM connections JOIN servicetitan_jobs USING (connection_id)
        WHERE created_on >= %(start)s::timestamptz AND created_on < %(end)s::timestamptz
    ) AS found
    GROUP BY connection_id, id
),
-- An adjustment that names no job is one of the invoice that it corrects.
invoices AS (
    SELECT connection_id, invoice.id, is_booked, is_created, subtotal, is_active
    FROM jobs JOIN servicetitan_invoices AS invoice USING (connection_id)
    WHERE invoice.job_id = jobs.id AND NOT is_cancelled AND (is_booked OR is_created)
    UNION ALL
    SELECT connection_id, adjustment.id, is_booked, is_created, adjustment.subtotal, adjustment.is_active
    FROM invoices JOIN servicetitan_invoices AS adjustment USING (connection_id)
    WHERE adjustment.adjustment_to_id = invoices.id AND adjustment.job_id IS NULL
),
by_link AS (
    SELECT link, count(run) AS runs, coalesce(sum(cost), 0)::bigint AS cost, count(DISTINCT (connection_id, id)) FILTER (WHERE run IS NULL) AS jobs
    FROM (
        SELECT link, run, cost, NULL AS connection_id, NULL::bigint AS id FROM runs
        UNION ALL
        SELECT first_link, NULL, 0, connection_id, id FROM of_jobs
    ) AS found
    WHERE link IS NOT NULL
    GROUP BY link
)
SELECT
    (SELECT count(*) FROM connections) AS connections,
    (
        SELECT CASE WHEN count(caught_up_at) = count(*) THEN min(caught_up_at) END
        FROM connections CROSS JOIN unnest(%(feeds)s::text[]) AS feed
        LEFT JOIN servicetitan_cursors USING (connection_id, feed)
    ) AS synced_at,
    of_runs.*,
    (SELECT coalesce(sum(cost_nanousd), 0)::bigint FROM parts WHERE is_within AND coalesce(run_id, job_id, booking_id, call_id) IS NULL)
        AS unlabelled,
    (SELECT coalesce(sum(cost_nanousd), 0)::bigint FROM numbered WHERE is_within AND begun_at < %(start)s::timestamptz) AS earlier,
    of_all_jobs.*, of_linked_calls.*, of_all_calls.*, of_invoices.*,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(link, runs, jobs, cost) ORDER BY link), '[]') FROM by_link) AS links
FROM (
    SELECT
        count(*) AS runs, count(link) AS runs_linked, coalesce(sum(cost), 0)::bigint AS cost,
        coalesce(sum(cost) FILTER (WHERE link IS NOT NULL), 0)::bigint AS attributed,
        coalesce(sum(cost) FILTER (WHERE NOT has_job AND NOT has_booking), 0)::bigint AS led_nowhere,
        coalesce(sum(cost) FILTER (WHERE has_job AND NOT has_booked), 0)::bigint AS served,
        coalesce(sum(cost) FILTER (WHERE has_call), 0)::bigint AS with_call
    FROM runs
) AS of_runs
CROSS JOIN (
    SELECT
        count(*) FILTER (WHERE is_booked AND NOT is_cancelled) AS booked_jobs,
        count(*) FILTER (WHERE is_booked AND is_cancelled) AS cancelled_jobs,
        count(*) FILTER (WHERE is_served) AS served_jobs,
        count(*) FILTER (WHERE is_booked AND NOT is_cancelled AND is_completed) AS completed_jobs,
        count(*) FILTER (WHERE is_created) AS jobs_created,
        count(*) FILTER (WHERE is_created AND is_cancelled) AS jobs_cancelled,
        count(*) FILTER (WHERE is_created AND NOT is_cancelled AND is_booked) AS ai_booked
    FROM jobs
) AS of_all_jobs
CROSS JOIN (
    SELECT
        count(DISTINCT (connection_id, id)) FILTER (WHERE type = 'Booked') AS booked_calls,
        count(DISTINCT (connection_id, id)) FILTER (WHERE type = 'Unbooked') AS unbooked_calls
    FROM of_calls
    WHERE is_active AND begun_at >= %(start)s::timestamptz AND begun_at < %(end)s::timestamptz
) AS of_linked_calls
CROSS JOIN (
    SELECT count(*) FILTER (WHERE type = 'Booked') AS calls_booked, count(*) FILTER (WHERE type = 'Unbooked') AS calls_unbooked
    FROM connections JOIN servicetitan_calls USING (connection_id)
    WHERE is_active AND created_on >= %(start)s::timestamptz AND created_on < %(end)s::timestamptz
) AS of_all_calls
CROSS JOIN (
    SELECT
        coalesce(sum(subtotal) FILTER (WHERE is_booked), 0) AS invoiced,
        coalesce(sum(subtotal) FILTER (WHERE is_created), 0) AS business_invoiced
    FROM invoices
    WHERE is_active
) AS of_invoices
