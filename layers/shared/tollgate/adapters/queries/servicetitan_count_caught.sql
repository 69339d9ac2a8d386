UPDATE servicetitan_cursors SET caught_rows = caught_rows + %(caught)s
WHERE connection_id = %(connection_id)s AND feed = %(feed)s
