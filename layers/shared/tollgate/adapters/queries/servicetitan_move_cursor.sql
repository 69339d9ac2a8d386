-- A compare-and-set that also holds the pass's row until the page is stored. A first page may make the row; a later one may not:
-- where the row is gone, so are the rows before it, and going on from there would leave a hole.
INSERT INTO servicetitan_cursors AS stored (connection_id, feed, continue_from, has_more, caught_up_at, last_success_at, unreadable_rows)
SELECT
    %(connection_id)s, %(feed)s, %(continue_from)s, %(has_more)s, %(caught_up_at)s::timestamptz, %(at)s::timestamptz, %(unreadable)s
WHERE %(previous)s::text IS NULL
   OR EXISTS (SELECT FROM servicetitan_cursors WHERE connection_id = %(connection_id)s AND feed = %(feed)s)
ON CONFLICT (connection_id, feed) DO UPDATE SET
    continue_from = excluded.continue_from,
    has_more = excluded.has_more,
    caught_up_at = coalesce(excluded.caught_up_at, stored.caught_up_at),
    last_success_at = excluded.last_success_at,
    last_error = NULL,
    last_error_at = NULL,
    fault = NULL,
    unreadable_rows = stored.unreadable_rows + excluded.unreadable_rows
WHERE stored.continue_from IS NOT DISTINCT FROM %(previous)s OR stored.continue_from = excluded.continue_from
