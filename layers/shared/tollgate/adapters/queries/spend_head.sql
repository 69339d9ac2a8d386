-- A tenant's summary in one statement, and so from one snapshot: the rollups, and beside them the spans that they do not have in it
-- (`arrived`: since the watermark, however old; `cut`: of quarter-hours that the period does not take whole). Put together of parts,
-- because to plan for tables that are not asked takes longer than to ask the others.
WITH mark AS MATERIALIZED (
    SELECT coalesce((SELECT snapshot FROM rollup_watermarks WHERE rollup = 'spans'), '3:3:') AS snapshot
),
arrived AS (
    SELECT *, at >= %(start)s::timestamptz AND at < %(end)s::timestamptz AS is_within, true AS is_new
    FROM spans
    WHERE tenant_id = %(tenant_id)s
      AND arrived_in >= (SELECT pg_snapshot_xmin(snapshot) FROM mark)
      -- True of whatever is visible; without it the planner takes a third of all spans for new, and reads them all.
      AND arrived_in < pg_snapshot_xmax(pg_current_snapshot())
      AND NOT pg_visible_in_snapshot(arrived_in, (SELECT snapshot FROM mark))
),
