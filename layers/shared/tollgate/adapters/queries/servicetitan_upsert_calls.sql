INSERT INTO servicetitan_calls AS stored (
    connection_id, id, direction, status, type, duration_s, created_on, modified_on, agent_id, campaign_id, job_id,
    lead_id, reason_id, is_active
)
SELECT %(connection_id)s, *
FROM jsonb_to_recordset(%(rows)s::jsonb) AS incoming (
    id bigint, direction text, status text, type text, duration_s bigint, created_on timestamptz,
    modified_on timestamptz, agent_id bigint, campaign_id bigint, job_id bigint, lead_id bigint, reason_id bigint,
    is_active boolean
)
ON CONFLICT (connection_id, id) DO UPDATE SET
    direction = excluded.direction,
    status = excluded.status,
    type = excluded.type,
    duration_s = excluded.duration_s,
    created_on = excluded.created_on,
    modified_on = excluded.modified_on,
    agent_id = excluded.agent_id,
    campaign_id = excluded.campaign_id,
    job_id = excluded.job_id,
    lead_id = excluded.lead_id,
    reason_id = excluded.reason_id,
    is_active = excluded.is_active
WHERE excluded.modified_on IS NULL OR stored.modified_on IS NULL OR excluded.modified_on >= stored.modified_on
