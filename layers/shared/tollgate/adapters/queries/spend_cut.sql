cut AS (
    SELECT spans.*, true AS is_within, false AS is_new
    FROM unnest(%(cut_starts)s::timestamptz[], %(cut_ends)s::timestamptz[]) AS stretch (starts_at, ends_at)
    JOIN spans
      ON tenant_id = %(tenant_id)s AND at >= starts_at AND at < ends_at
     AND pg_visible_in_snapshot(arrived_in, (SELECT snapshot FROM mark))
),
