INSERT INTO servicetitan_jobs AS stored (
    connection_id, id, number, status, created_on, modified_on, completed_on, created_by_id, business_unit_id,
    job_type_id, campaign_id, lead_call_id, partner_lead_call_id, booking_id, invoice_id, recall_for_id, total,
    is_free, is_active
)
SELECT %(connection_id)s, *
FROM jsonb_to_recordset(%(rows)s::jsonb) AS incoming (
    id bigint, number text, status text, created_on timestamptz, modified_on timestamptz, completed_on timestamptz,
    created_by_id bigint, business_unit_id bigint, job_type_id bigint, campaign_id bigint, lead_call_id bigint,
    partner_lead_call_id bigint, booking_id bigint, invoice_id bigint, recall_for_id bigint, total numeric,
    is_free boolean, is_active boolean
)
ON CONFLICT (connection_id, id) DO UPDATE SET
    number = excluded.number,
    status = excluded.status,
    created_on = excluded.created_on,
    modified_on = excluded.modified_on,
    completed_on = excluded.completed_on,
    created_by_id = excluded.created_by_id,
    business_unit_id = excluded.business_unit_id,
    job_type_id = excluded.job_type_id,
    campaign_id = excluded.campaign_id,
    lead_call_id = excluded.lead_call_id,
    partner_lead_call_id = excluded.partner_lead_call_id,
    booking_id = excluded.booking_id,
    invoice_id = excluded.invoice_id,
    recall_for_id = excluded.recall_for_id,
    total = excluded.total,
    is_free = excluded.is_free,
    is_active = excluded.is_active
WHERE excluded.modified_on IS NULL OR stored.modified_on IS NULL OR excluded.modified_on >= stored.modified_on
