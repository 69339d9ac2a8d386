-- The runs' lags where a release before this one moved the other alone; NULL before the first roll-up.
SELECT
    (SELECT snapshot FROM rollup_watermarks WHERE rollup = 'spans')::text AS until,
    coalesce((SELECT snapshot FROM rollup_watermarks WHERE rollup = 'runs'), '3:3:')::text AS runs_until
