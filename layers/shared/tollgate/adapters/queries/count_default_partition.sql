SELECT count(*) AS spans FROM (SELECT FROM spans_default LIMIT 1000) AS waiting
