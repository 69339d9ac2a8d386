INSERT INTO servicetitan_bookings AS stored (
    connection_id, id, status, source, external_id, booking_provider_id, job_id, campaign_id, business_unit_id,
    job_type_id, starts_on, created_on, modified_on, is_active
)
SELECT %(connection_id)s, *
FROM jsonb_to_recordset(%(rows)s::jsonb) AS incoming (
    id bigint, status text, source text, external_id text, booking_provider_id bigint, job_id bigint,
    campaign_id bigint, business_unit_id bigint, job_type_id bigint, starts_on timestamptz, created_on timestamptz,
    modified_on timestamptz, is_active boolean
)
ON CONFLICT (connection_id, id) DO UPDATE SET
    status = excluded.status,
    source = excluded.source,
    external_id = excluded.external_id,
    booking_provider_id = excluded.booking_provider_id,
    job_id = excluded.job_id,
    campaign_id = excluded.campaign_id,
    business_unit_id = excluded.business_unit_id,
    job_type_id = excluded.job_type_id,
    starts_on = excluded.starts_on,
    created_on = excluded.created_on,
    modified_on = excluded.modified_on,
    is_active = excluded.is_active
WHERE excluded.modified_on IS NULL OR stored.modified_on IS NULL OR excluded.modified_on >= stored.modified_on
