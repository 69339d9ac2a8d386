-- What the labels of runs cost, by quarter-hours and, where rollups do not have a span or the period cuts a quarter-hour, span by span.
run_mark AS MATERIALIZED (
    SELECT coalesce((SELECT snapshot FROM rollup_watermarks WHERE rollup = 'runs'), '3:3:') AS snapshot
),
parts AS MATERIALIZED (
    SELECT
        run_id, job_id, booking_id, call_id, started_at, ended_at, cost_nanousd,
        started_at >= %(start)s::timestamptz AND started_at < %(end)s::timestamptz AS is_within
    FROM (
        SELECT run_id, job_id, booking_id, call_id, started_at, ended_at, cost_nanousd
        FROM run_rollups
        WHERE tenant_id = %(tenant_id)s AND starts_at >= %(seen_from)s::timestamptz AND starts_at < %(seen_to)s::timestamptz
          AND starts_at <> ALL (%(cut_quarters)s::timestamptz[])
        UNION ALL
        SELECT run_id, job_id, booking_id, call_id, at, at, cost_nanousd
        FROM spans
        WHERE tenant_id = %(tenant_id)s
          AND arrived_in >= (SELECT pg_snapshot_xmin(snapshot) FROM run_mark)
          AND arrived_in < pg_snapshot_xmax(pg_current_snapshot())
          AND NOT pg_visible_in_snapshot(arrived_in, (SELECT snapshot FROM run_mark))
          AND at >= %(seen_from)s::timestamptz AND at < %(seen_to)s::timestamptz
        UNION ALL
        SELECT run_id, job_id, booking_id, call_id, at, at, cost_nanousd
        FROM unnest(%(cut_quarters)s::timestamptz[]) AS cut (starts_at)
        JOIN spans
          ON tenant_id = %(tenant_id)s AND at >= starts_at AND at < starts_at + interval '15 minutes'
         AND pg_visible_in_snapshot(arrived_in, (SELECT snapshot FROM run_mark))
    ) AS found
),
