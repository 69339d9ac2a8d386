-- By the job that a run is linked to, else by its job label. What is linked to several is divided evenly among them, in whole
-- nano-dollars; the first has the remainder, and whatever is not its cost.
within AS (
    SELECT
        run, job_id, NULL AS connection_id, NULL::bigint AS id, NULL::integer AS link, 0 AS place,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM numbered
    WHERE is_within
    UNION ALL
    SELECT
        run, NULL, connection_id, id, link, row_number() OVER (PARTITION BY run ORDER BY connection_id, id),
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM of_runs_jobs
),
shared AS (
    SELECT
        *,
        count(id) OVER of_run AS jobs, (sum(cost_nanousd) OVER of_run)::bigint AS cost,
        max(connection_id) FILTER (WHERE place = 1) OVER of_run AS first_connection, max(id) FILTER (WHERE place = 1) OVER of_run AS first_id,
        max(link) FILTER (WHERE place = 1) OVER of_run AS first_link
    FROM within
    WINDOW of_run AS (PARTITION BY run)
),
of_labels AS (
    SELECT
        coalesce(coalesce(id, first_id)::text, job_id) AS label, coalesce(connection_id, first_connection) AS connection_id, coalesce(link, first_link) AS link,
        CASE WHEN jobs = 0 THEN cost_nanousd WHEN place = 0 THEN 0 WHEN place = 1 THEN cost - cost / jobs * (jobs - 1) ELSE cost / jobs END
            AS cost_nanousd,
        calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM shared
    UNION ALL
    SELECT
        NULL, NULL, NULL,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM parts
    WHERE is_within AND coalesce(run_id, job_id, booking_id, call_id) IS NULL
),
