-- Stretches of time are the groups then.
of_labels AS (
    SELECT *, NULL AS connection_id, NULL::integer AS link FROM fresh WHERE false
),
