runs AS MATERIALIZED (
    SELECT
        run, min(started_at) AS started_at, sum(cost_nanousd) AS cost,
        coalesce(sum(cost_nanousd) FILTER (WHERE is_within), 0) AS cost_within
    FROM numbered
    GROUP BY run
),
-- Whether a run booked a job, or the job was there before it.
of_jobs AS MATERIALIZED (
    SELECT
        run, connection_id, id, link, status = 'Completed' AS is_completed, status = 'Canceled' OR NOT is_active AS is_cancelled,
        coalesce(created_on >= started_at - %(clock_skew)s, false) AS is_booked
    FROM of_runs_jobs JOIN runs USING (run)
    WHERE started_at >= %(start)s::timestamptz AND started_at < %(end)s::timestamptz
),
jobs AS MATERIALIZED (
    SELECT
        connection_id, id, bool_or(is_booked) AS is_booked, bool_or(NOT is_booked) AS is_served,
        bool_or(is_cancelled) AS is_cancelled, bool_or(is_completed) AS is_completed
    FROM of_jobs
    GROUP BY connection_id, id
),
led_to_jobs AS (SELECT run, min(link) AS link, bool_or(is_booked) AS has_booked FROM of_jobs GROUP BY run),
led_to_bookings AS (SELECT run, min(link) AS link FROM of_bookings GROUP BY run),
led_to_calls AS (SELECT DISTINCT run FROM of_calls),
own AS MATERIALIZED (
    SELECT
        run, cost, led_to_jobs.run IS NOT NULL AS has_job, has_booked, led_to_bookings.run IS NOT NULL AS has_booking,
        led_to_calls.run IS NOT NULL AS has_call,
        coalesce(led_to_jobs.link, led_to_bookings.link, CASE WHEN led_to_calls.run IS NOT NULL THEN 4 END) AS link
    FROM runs
    LEFT JOIN led_to_jobs USING (run)
    LEFT JOIN led_to_bookings USING (run)
    LEFT JOIN led_to_calls USING (run)
    WHERE started_at >= %(start)s::timestamptz AND started_at < %(end)s::timestamptz
),
of_business AS MATERIALIZED (
    SELECT connection_id, job.id, job.status = 'Canceled' OR NOT job.is_active AS is_cancelled
    FROM connections JOIN servicetitan_jobs AS job USING (connection_id)
    WHERE job.created_on >= %(start)s::timestamptz AND job.created_on < %(end)s::timestamptz
),
-- An adjustment that names no job is one of the invoice that it corrects.
invoices AS (
    SELECT connection_id, invoice.id, invoice.job_id, subtotal, is_active
    FROM (
        SELECT connection_id, id FROM jobs WHERE is_booked AND NOT is_cancelled
        UNION
        SELECT connection_id, id FROM of_business WHERE NOT is_cancelled
    ) AS job
    JOIN servicetitan_invoices AS invoice USING (connection_id)
    WHERE invoice.job_id = job.id
    UNION
    SELECT connection_id, adjustment.id, invoices.job_id, adjustment.subtotal, adjustment.is_active
    FROM invoices JOIN servicetitan_invoices AS adjustment USING (connection_id)
    WHERE adjustment.adjustment_to_id = invoices.id AND adjustment.job_id IS NULL
),
invoiced AS (
    SELECT
        coalesce(sum(subtotal) FILTER (WHERE jobs.is_booked AND NOT jobs.is_cancelled), 0) AS of_booked,
        coalesce(sum(subtotal) FILTER (WHERE NOT of_business.is_cancelled), 0) AS of_business
    FROM invoices
    LEFT JOIN jobs ON jobs.connection_id = invoices.connection_id AND jobs.id = job_id
    LEFT JOIN of_business ON of_business.connection_id = invoices.connection_id AND of_business.id = job_id
    WHERE invoices.is_active
),
by_link AS (
    SELECT link, count(*) AS runs, sum(cost)::bigint AS cost, coalesce(jobs, 0) AS jobs
    FROM own
    LEFT JOIN (
        SELECT led_to_jobs.link, count(DISTINCT (connection_id, id)) AS jobs
        FROM led_to_jobs JOIN of_jobs USING (run)
        GROUP BY 1
    ) AS led USING (link)
    WHERE link IS NOT NULL
    GROUP BY link, jobs
),
linked_calls AS (
    SELECT DISTINCT connection_id, id, type
    FROM of_calls JOIN own USING (run)
    WHERE is_active
)
SELECT
    (SELECT count(*) FROM connections) AS connections,
    (
        SELECT CASE WHEN count(caught_up_at) = count(*) THEN min(caught_up_at) END
        FROM connections CROSS JOIN unnest(%(feeds)s::text[]) AS feed
        LEFT JOIN servicetitan_cursors USING (connection_id, feed)
    ) AS synced_at,
    of_own.*,
    (SELECT coalesce(sum(cost_nanousd), 0)::bigint FROM parts WHERE is_within AND coalesce(run_id, job_id, booking_id, call_id) IS NULL)
        AS unlabelled,
    (SELECT coalesce(sum(cost_within), 0)::bigint FROM runs WHERE started_at < %(start)s::timestamptz) AS earlier,
    of_own_jobs.*,
    (SELECT count(*) FROM linked_calls WHERE type = 'Booked') AS booked_calls,
    (SELECT count(*) FROM linked_calls WHERE type = 'Unbooked') AS unbooked_calls,
    invoiced.of_booked AS invoiced, invoiced.of_business AS business_invoiced,
    of_all_jobs.*, of_all_calls.*,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(link, runs, jobs, cost) ORDER BY link), '[]') FROM by_link) AS links
FROM (
    SELECT
        count(*) AS runs, count(link) AS runs_linked, coalesce(sum(cost), 0)::bigint AS cost,
        coalesce(sum(cost) FILTER (WHERE link IS NOT NULL), 0)::bigint AS attributed,
        coalesce(sum(cost) FILTER (WHERE NOT has_job AND NOT has_booking), 0)::bigint AS led_nowhere,
        coalesce(sum(cost) FILTER (WHERE has_job AND NOT has_booked), 0)::bigint AS served,
        coalesce(sum(cost) FILTER (WHERE has_call), 0)::bigint AS with_call
    FROM own
) AS of_own
CROSS JOIN (
    SELECT
        count(*) FILTER (WHERE is_booked AND NOT is_cancelled) AS booked_jobs,
        count(*) FILTER (WHERE is_booked AND is_cancelled) AS cancelled_jobs,
        count(*) FILTER (WHERE is_served) AS served_jobs,
        count(*) FILTER (WHERE is_booked AND NOT is_cancelled AND is_completed) AS completed_jobs
    FROM jobs
) AS of_own_jobs
CROSS JOIN (
    SELECT
        count(*) AS jobs_created, count(*) FILTER (WHERE of_business.is_cancelled) AS jobs_cancelled,
        count(*) FILTER (WHERE NOT of_business.is_cancelled AND jobs.is_booked) AS ai_booked
    FROM of_business LEFT JOIN jobs USING (connection_id, id)
) AS of_all_jobs
CROSS JOIN (
    SELECT count(*) FILTER (WHERE type = 'Booked') AS calls_booked, count(*) FILTER (WHERE type = 'Unbooked') AS calls_unbooked
    FROM connections JOIN servicetitan_calls AS call USING (connection_id)
    WHERE call.is_active AND call.created_on >= %(start)s::timestamptz AND call.created_on < %(end)s::timestamptz
) AS of_all_calls
CROSS JOIN invoiced
