-- What the rollups have (`rolled_up`), and what they shall have after the next slice (`until`): all that is visible now (for the runs:
-- all that the others have), or, where that is more than a slice, what arrived up to its last span. A snapshot never takes back what one
-- before it had.
WITH marks AS (
    SELECT
        coalesce((SELECT snapshot FROM rollup_watermarks WHERE rollup = %(rollup)s), '3:3:') AS rolled_up,
        CASE %(rollup)s::text
            WHEN 'runs' THEN (SELECT snapshot FROM rollup_watermarks WHERE rollup = 'spans') ELSE pg_current_snapshot()
        END AS now
),
last_of_slice AS (
    SELECT arrived_in, inserted_at
    FROM spans
    WHERE arrived_in >= (SELECT pg_snapshot_xmin(rolled_up) FROM marks)
      AND arrived_in < (SELECT pg_snapshot_xmax(now) FROM marks)
      AND NOT pg_visible_in_snapshot(arrived_in, (SELECT rolled_up FROM marks))
      AND pg_visible_in_snapshot(arrived_in, (SELECT now FROM marks))
    ORDER BY arrived_in
    OFFSET %(slice)s - 1
    LIMIT 1
),
ends AS (
    SELECT greatest((arrived_in::text::bigint + 1)::text::xid8, pg_snapshot_xmax(rolled_up)) AS xmax, inserted_at
    FROM last_of_slice, marks
)
SELECT
    rolled_up::text,
    CASE
        WHEN xmax IS NULL THEN now::text
        ELSE format(
            '%%s:%%s:%%s',
            least(pg_snapshot_xmin(now), xmax),
            xmax,
            (SELECT string_agg(open::text, ',' ORDER BY open) FROM pg_snapshot_xip(now) AS open WHERE open < xmax)
        )
    END AS until,
    coalesce(inserted_at, now()) AS rolled_up_to,
    xmax IS NULL AS is_last
FROM marks LEFT JOIN ends ON true
