-- Runs by numbers of their own, and the jobs, bookings and calls of the tenant's connections that their labels lead to.
-- `link` is the place in domain/run_outcomes.py's LINKS; up to 4 they are exact. Nothing below joins one of these with another: of how
-- many rows come the planner has no idea, and for few it would take each with each.
numbered AS MATERIALIZED (
    -- Parts of one instant get one number: the frame takes them together. The digest sorts faster than the text, which settles ties.
    SELECT
        *,
        sum(is_first::integer) OVER (ORDER BY digest, own, started_at) AS run,
        max(started_at) FILTER (WHERE is_first) OVER (PARTITION BY digest, own ORDER BY started_at) AS begun_at
    FROM (
        SELECT *, coalesce(
            started_at - max(ended_at) OVER (
                PARTITION BY digest, own ORDER BY started_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) > %(pause)s, true
        ) AS is_first
        FROM (
            SELECT *, hashtextextended(own, 0) AS digest
            FROM (
                SELECT *, coalesce('r' || run_id, format('%%L %%L %%L', job_id, booking_id, call_id)) COLLATE "C" AS own
                FROM parts
                WHERE coalesce(run_id, job_id, booking_id, call_id) IS NOT NULL
            ) AS labelled
        ) AS named
    ) AS told_apart
),
connections AS MATERIALIZED (
    SELECT connection_id FROM servicetitan_connections WHERE tenant_id = %(tenant_id)s
),
said AS MATERIALIZED (
    SELECT
        *, servicetitan_id(job_id) AS said_job, servicetitan_id(booking_id) AS said_booking, servicetitan_id(call_id) AS said_call
    FROM (SELECT DISTINCT run, begun_at, run_id, job_id, booking_id, call_id FROM numbered) AS labels CROSS JOIN connections
),
of_bookings AS MATERIALIZED (
    SELECT run, begun_at, 2 AS link, connection_id, id, found.job_id
    FROM said JOIN servicetitan_bookings AS found USING (connection_id) WHERE id = said_booking
    UNION ALL
    SELECT run, begun_at, 3, connection_id, id, found.job_id
    FROM said JOIN servicetitan_bookings AS found USING (connection_id) WHERE external_id = run_id
    UNION ALL
    SELECT run, begun_at, 5, connection_id, id, found.job_id
    FROM said JOIN servicetitan_bookings AS found USING (connection_id) WHERE external_id = booking_id
    UNION ALL
    SELECT run, begun_at, 7, connection_id, found.id, found.job_id
    FROM said
    JOIN (
        SELECT connection_id, call_id AS lead_call, booking_id AS lead_booking FROM servicetitan_leads
        UNION ALL
        SELECT connection_id, manual_call_id, booking_id FROM servicetitan_leads
    ) AS lead USING (connection_id)
    JOIN servicetitan_bookings AS found USING (connection_id)
    WHERE lead_call = said_call AND found.id = lead_booking
),
of_calls AS MATERIALIZED (
    SELECT run, begun_at, said.connection_id, id, found.job_id, type, is_active
    FROM said CROSS JOIN LATERAL (
        SELECT * FROM servicetitan_calls AS call WHERE call.connection_id = said.connection_id AND id = said_call OFFSET 0
    ) AS found
),
said_of_jobs AS (
    SELECT run, begun_at, 1 AS link, connection_id, said_job AS id FROM said WHERE said_job IS NOT NULL
    UNION ALL
    SELECT run, begun_at, link, connection_id, job_id FROM of_bookings WHERE job_id IS NOT NULL
    UNION ALL
    SELECT run, begun_at, 4, connection_id, job_id FROM of_calls WHERE job_id IS NOT NULL
    UNION ALL
    SELECT run, begun_at, link, connection_id, made.id
    FROM of_bookings JOIN servicetitan_jobs AS made USING (connection_id) WHERE made.booking_id = of_bookings.id
    UNION ALL
    SELECT run, begun_at, found.link, connection_id, found.id
    FROM said CROSS JOIN LATERAL (
        SELECT 6 AS link, id FROM servicetitan_jobs AS job WHERE job.connection_id = said.connection_id AND number = job_id
        UNION ALL
        SELECT 2, id FROM servicetitan_jobs AS job WHERE job.connection_id = said.connection_id AND booking_id = said_booking
        UNION ALL
        SELECT 4, id FROM servicetitan_jobs AS job WHERE job.connection_id = said.connection_id AND lead_call_id = said_call
        UNION ALL
        SELECT 4, id FROM servicetitan_jobs AS job WHERE job.connection_id = said.connection_id AND partner_lead_call_id = said_call
    ) AS found
),
-- The exact ones, or where a run has none, the strong ones.
of_runs_jobs AS MATERIALIZED (
    SELECT *
    FROM (
        SELECT run, begun_at, connection_id, id, link, status, created_on, is_active, min(link) OVER (PARTITION BY run) AS first_link
        FROM (SELECT run, begun_at, connection_id, id, min(link) AS link FROM said_of_jobs GROUP BY 1, 2, 3, 4) AS once
        JOIN servicetitan_jobs USING (connection_id, id)
    ) AS found
    WHERE link <= 4 OR first_link > 4
),
