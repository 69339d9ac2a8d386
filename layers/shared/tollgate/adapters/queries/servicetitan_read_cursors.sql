SELECT feed, continue_from, has_more, caught_up_at, fault, last_error AS error, last_error_at AS failed_at
FROM servicetitan_cursors
WHERE connection_id = %(connection_id)s
