INSERT INTO servicetitan_cursors (connection_id, feed, last_error, last_error_at, fault)
VALUES (%(connection_id)s, %(feed)s, %(message)s, %(at)s, %(fault)s)
ON CONFLICT (connection_id, feed) DO UPDATE SET
    last_error = excluded.last_error,
    last_error_at = excluded.last_error_at,
    fault = excluded.fault
