SELECT feed, continue_from, caught_up_at
FROM servicetitan_cursors
WHERE connection_id = %(connection_id)s
