-- Those that the rollups do not have.
WITH fresh AS MATERIALIZED (
    SELECT *
    FROM spans
    WHERE arrived_in >= pg_snapshot_xmin(%(rolled_up)s::pg_snapshot) AND arrived_in < pg_snapshot_xmax(%(until)s::pg_snapshot)
      AND NOT pg_visible_in_snapshot(arrived_in, %(rolled_up)s::pg_snapshot)
      AND pg_visible_in_snapshot(arrived_in, %(until)s::pg_snapshot)
),
