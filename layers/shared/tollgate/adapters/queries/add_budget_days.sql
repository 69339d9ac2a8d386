days AS (
    INSERT INTO budget_days AS rollup (tenant_id, day, spans, cost_nanousd)
    SELECT tenant_id, day, count(*), sum(cost_nanousd)
    FROM fresh
    GROUP BY tenant_id, day
    ON CONFLICT (tenant_id, day) DO UPDATE SET
        spans = rollup.spans + excluded.spans, cost_nanousd = rollup.cost_nanousd + excluded.cost_nanousd
),
