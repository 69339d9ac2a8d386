-- What we keep of ServiceTitan's jobs, bookings and calls, one connection beside the other, and how far each feed is read.
-- The columns are an allow-list: no names, addresses, phone numbers or recordings.

CREATE TABLE servicetitan_jobs (
    connection_id        text        NOT NULL,
    id                   bigint      NOT NULL,
    number               text,
    status               text        NOT NULL,
    created_on           timestamptz,
    modified_on          timestamptz,
    completed_on         timestamptz,
    created_by_id        bigint,
    business_unit_id     bigint,
    job_type_id          bigint,
    campaign_id          bigint,
    lead_call_id         bigint,
    partner_lead_call_id bigint,
    booking_id           bigint,
    invoice_id           bigint,
    recall_for_id        bigint,
    total                numeric,
    is_free              boolean     NOT NULL,
    is_active            boolean     NOT NULL,
    PRIMARY KEY (connection_id, id)
);

COMMENT ON COLUMN servicetitan_jobs.partner_lead_call_id IS 'The call that a third party''s agent named when it booked.';
COMMENT ON COLUMN servicetitan_jobs.total IS 'US dollars, as ServiceTitan says it.';
COMMENT ON COLUMN servicetitan_jobs.is_active IS 'False for what was deleted there.';

-- Jobs booked in a stretch of time.
CREATE INDEX servicetitan_jobs_by_time ON servicetitan_jobs (connection_id, created_on);

CREATE TABLE servicetitan_bookings (
    connection_id       text        NOT NULL,
    id                  bigint      NOT NULL,
    status              text        NOT NULL,
    source              text,
    external_id         text,
    booking_provider_id bigint,
    job_id              bigint,
    campaign_id         bigint,
    business_unit_id    bigint,
    job_type_id         bigint,
    starts_on           timestamptz,
    created_on          timestamptz,
    modified_on         timestamptz,
    is_active           boolean     NOT NULL,
    PRIMARY KEY (connection_id, id)
);

COMMENT ON COLUMN servicetitan_bookings.external_id IS 'What the agent that made it wrote there: the id of its run, if it is one of ours.';

-- From an agent's run to its booking.
CREATE INDEX servicetitan_bookings_by_external_id ON servicetitan_bookings (connection_id, external_id);

CREATE TABLE servicetitan_calls (
    connection_id text        NOT NULL,
    id            bigint      NOT NULL,
    direction     text,
    status        text,
    type          text,
    duration_s    bigint,
    created_on    timestamptz,
    modified_on   timestamptz,
    agent_id      bigint,
    campaign_id   bigint,
    job_id        bigint,
    lead_id       bigint,
    reason_id     bigint,
    is_active     boolean     NOT NULL,
    PRIMARY KEY (connection_id, id)
);

-- Calls booked in a stretch of time.
CREATE INDEX servicetitan_calls_by_time ON servicetitan_calls (connection_id, created_on);

CREATE TABLE servicetitan_cursors (
    connection_id   text        NOT NULL,
    feed            text        NOT NULL,
    continue_from   text,
    caught_up_at    timestamptz,
    last_success_at timestamptz,
    last_error      text,
    last_error_at   timestamptz,
    unreadable_rows bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (connection_id, feed)
);

COMMENT ON COLUMN servicetitan_cursors.continue_from IS 'Opaque, and good for this feed alone. Moves in the transaction that stores the page before it.';
COMMENT ON COLUMN servicetitan_cursors.caught_up_at IS 'When the feed last had nothing more.';
COMMENT ON COLUMN servicetitan_cursors.last_success_at IS 'When a page was last stored; `last_error` is empty from then until something fails.';
