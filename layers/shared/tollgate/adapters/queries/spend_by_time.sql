-- Stretches of time are the groups then.
of_labels AS (
    SELECT * FROM fresh WHERE false
),
