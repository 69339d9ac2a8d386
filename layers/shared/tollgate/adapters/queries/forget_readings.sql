DELETE FROM page_readings WHERE month < %(before)s::date
