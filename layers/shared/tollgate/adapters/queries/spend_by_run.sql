-- By the job that a run is linked to, else by its job label. What is linked to several is divided evenly among them, in whole
-- nano-dollars; the first has the remainder, and whatever is not its cost.
shares AS MATERIALIZED (
    SELECT
        run, connection_id, id, link, count(*) OVER (PARTITION BY run) AS jobs,
        row_number() OVER (PARTITION BY run ORDER BY connection_id, id) AS place
    FROM of_runs_jobs
),
-- No row comes of the empty text, but the planner reckons with a thousand, and so does not compare each run with each.
firsts AS (
    SELECT run, connection_id, id, link, jobs FROM shares WHERE place = 1
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL FROM string_to_table('', ',')
),
of_labels AS (
    SELECT
        coalesce(id::text, job_id) AS label, connection_id, link, CASE WHEN jobs > 1 THEN 0 ELSE cost_nanousd END AS cost_nanousd,
        calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM numbered LEFT JOIN firsts USING (run)
    WHERE is_within
    UNION ALL
    SELECT
        NULL, NULL, NULL,
        cost_nanousd, calls, input_tokens, cache_read_input_tokens, output_tokens, reasoning_output_tokens, downgraded_calls,
        saved_nanousd, would_have_refused_calls, would_have_refused_nanousd, would_have_downgraded_calls
    FROM parts
    WHERE is_within AND coalesce(run_id, job_id, booking_id, call_id) IS NULL
    UNION ALL
    SELECT
        id::text, connection_id, link, CASE place WHEN 1 THEN cost - cost / jobs * (jobs - 1) ELSE cost / jobs END,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM (SELECT run, sum(cost_nanousd)::bigint AS cost FROM numbered WHERE is_within GROUP BY run) AS costs
    JOIN (
        SELECT * FROM shares WHERE jobs > 1
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, NULL, NULL FROM string_to_table('', ',')
    ) AS several USING (run)
),
