-- The next stretch of arrivals to roll up. All by this server's clock.
SELECT since, least(now(), since + %(slice)s::interval) AS until, since + %(slice)s::interval >= now() AS is_last
FROM (
    SELECT coalesce(
        (SELECT rolled_up_to FROM rollup_watermarks WHERE rollup = 'span_rollups'),
        (SELECT min(inserted_at) FROM spans),
        now()
    ) AS since
) AS reached
