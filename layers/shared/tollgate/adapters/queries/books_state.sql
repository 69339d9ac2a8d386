SELECT (SELECT count(*) FROM drifts WHERE closed_at IS NULL) AS open_drifts,
       (SELECT count(*) FROM missing_spans WHERE booked_at IS NULL) AS missing,
       (SELECT max(compared_at) FROM page_readings) AS compared_at
