DELETE FROM missing_spans WHERE month < %(before)s::date
