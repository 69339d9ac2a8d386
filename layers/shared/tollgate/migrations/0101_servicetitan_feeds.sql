-- What belongs to jobs, bookings and calls: invoices, appointments, who was sent, why a job was cancelled, and the names of what a
-- business divides its work by. Still an allow-list: no customers, and no technician's name.

ALTER TABLE servicetitan_jobs ADD COLUMN tag_ids bigint[] NOT NULL DEFAULT '{}';

CREATE TABLE servicetitan_cancellations (
    connection_id text    NOT NULL,
    id            bigint  NOT NULL,
    job_id        bigint,
    reason_id     bigint,
    created_on    timestamptz,
    modified_on   timestamptz,
    is_active     boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);

CREATE TABLE servicetitan_invoices (
    connection_id    text    NOT NULL,
    id               bigint  NOT NULL,
    job_id           bigint,
    business_unit_id bigint,
    adjustment_to_id bigint,
    kind             text,
    subtotal         numeric,
    sales_tax        numeric,
    total            numeric,
    balance          numeric,
    invoiced_on      date,
    created_on       timestamptz,
    modified_on      timestamptz,
    is_active        boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);
COMMENT ON COLUMN servicetitan_invoices.subtotal IS 'US dollars without tax, below zero where an adjustment takes something back.';
COMMENT ON COLUMN servicetitan_invoices.invoiced_on IS 'A day of the business''s own calendar.';
CREATE INDEX servicetitan_invoices_by_job ON servicetitan_invoices (connection_id, job_id);

CREATE TABLE servicetitan_assignments (
    connection_id  text    NOT NULL,
    id             bigint  NOT NULL,
    job_id         bigint,
    appointment_id bigint,
    technician_id  bigint,
    assigned_by_id bigint,
    status         text,
    assigned_on    timestamptz,
    modified_on    timestamptz,
    is_active      boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);
CREATE INDEX servicetitan_assignments_by_job ON servicetitan_assignments (connection_id, job_id);

CREATE TABLE servicetitan_leads (
    connection_id  text    NOT NULL,
    id             bigint  NOT NULL,
    status         text    NOT NULL,
    call_id        bigint,
    manual_call_id bigint,
    booking_id     bigint,
    campaign_id    bigint,
    created_by_id  bigint,
    created_on     timestamptz,
    modified_on    timestamptz,
    is_active      boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);
CREATE INDEX servicetitan_leads_by_call ON servicetitan_leads (connection_id, call_id);

CREATE TABLE servicetitan_appointments (
    connection_id text    NOT NULL,
    id            bigint  NOT NULL,
    job_id        bigint,
    status        text    NOT NULL,
    starts_on     timestamptz,
    ends_on       timestamptz,
    created_by_id bigint,
    created_on    timestamptz,
    modified_on   timestamptz,
    is_active     boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);
CREATE INDEX servicetitan_appointments_by_job ON servicetitan_appointments (connection_id, job_id);

CREATE TABLE servicetitan_business_units (
    connection_id text    NOT NULL,
    id            bigint  NOT NULL,
    name          text,
    trade         text,
    created_on    timestamptz,
    modified_on   timestamptz,
    is_active     boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);

CREATE TABLE servicetitan_technicians (
    connection_id    text    NOT NULL,
    id               bigint  NOT NULL,
    user_id          bigint,
    business_unit_id bigint,
    is_managed       boolean NOT NULL,
    created_on       timestamptz,
    modified_on      timestamptz,
    is_active        boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);

CREATE TABLE servicetitan_tags (
    connection_id text    NOT NULL,
    id            bigint  NOT NULL,
    name          text,
    code          text,
    created_on    timestamptz,
    modified_on   timestamptz,
    is_active     boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);

CREATE TABLE servicetitan_campaigns (
    connection_id text    NOT NULL,
    id            bigint  NOT NULL,
    name          text,
    created_on    timestamptz,
    modified_on   timestamptz,
    is_active     boolean NOT NULL,
    PRIMARY KEY (connection_id, id)
);

-- From a run's call or booking to the job.
CREATE INDEX servicetitan_jobs_by_booking ON servicetitan_jobs (connection_id, booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX servicetitan_jobs_by_call ON servicetitan_jobs (connection_id, lead_call_id) WHERE lead_call_id IS NOT NULL;
CREATE INDEX servicetitan_jobs_by_partner_call ON servicetitan_jobs (connection_id, partner_lead_call_id)
    WHERE partner_lead_call_id IS NOT NULL;

-- A cursor for each pass: `jobs`, and `jobs/overlap`, the weekly one. Those that are there have read something, and perhaps not all.
ALTER TABLE servicetitan_cursors
    ADD COLUMN has_more boolean NOT NULL DEFAULT true,
    ADD COLUMN fault text,
    ADD COLUMN caught_rows bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN servicetitan_cursors.fault IS 'Why it failed last, as the sync acts on it; empty from the next stored page on.';
COMMENT ON COLUMN servicetitan_cursors.caught_rows IS 'Rows that an overlap pass has brought and the pass before it had not.';

CREATE TABLE servicetitan_connections (
    connection_id text        PRIMARY KEY,
    tenant_id     text        NOT NULL,
    timezone      text        NOT NULL,
    seen_at       timestamptz NOT NULL
);
COMMENT ON TABLE servicetitan_connections IS 'Whose the rows of a connection are: as the sync was last told. Of one that was removed it stays.';
CREATE INDEX servicetitan_connections_by_tenant ON servicetitan_connections (tenant_id);
