cut AS (
    SELECT * FROM arrived WHERE false
),
