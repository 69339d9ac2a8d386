-- What the provider says that it billed, and to which of its projects a tenant's calls go.

-- A tenant's own project, from the first to the last time that its settings were seen to name it. A day is compared where it lies between.
CREATE TABLE provider_projects (
    tenant_id     text        NOT NULL,
    project_id    text        NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, project_id)
);

-- One row for each line item. The provider's figures grow: a later look at the same day takes the place of an earlier one.
CREATE TABLE provider_costs (
    day          date        NOT NULL,
    project_id   text        NOT NULL,
    line_item    text        NOT NULL,
    cost_nanousd bigint      NOT NULL,
    fetched_at   timestamptz NOT NULL,
    PRIMARY KEY (day, project_id, line_item)
);

COMMENT ON COLUMN provider_costs.day IS 'In UTC.';
COMMENT ON COLUMN provider_costs.project_id IS 'Empty where the provider names none.';

CREATE TABLE provider_usage (
    width                       text        NOT NULL CHECK (width IN ('1m', '1d')),
    start                       timestamptz NOT NULL,
    endpoint                    text        NOT NULL,
    project_id                  text        NOT NULL,
    model                       text        NOT NULL,
    service_tier                text        NOT NULL,
    requests                    bigint      NOT NULL,
    uncached_input_tokens       bigint      NOT NULL,
    cache_read_input_tokens     bigint      NOT NULL,
    cache_creation_input_tokens bigint      NOT NULL,
    output_tokens               bigint      NOT NULL,
    fetched_at                  timestamptz NOT NULL,
    PRIMARY KEY (width, project_id, start, endpoint, model, service_tier)
);

COMMENT ON COLUMN provider_usage.width IS 'Of days for all; of minutes only where a call''s fate is asked for.';
COMMENT ON COLUMN provider_usage.model IS 'As the provider names it: the dated name, as a rule.';

-- Days of which everything was fetched, and when it was last.
CREATE TABLE provider_days (
    day        date        PRIMARY KEY,
    fetched_at timestamptz NOT NULL
);

-- Calls that nobody saw the end of, and what the provider's own figures prove that they cost. What the ledger still has a step for is
-- corrected there, with a posting; the rest stands here.
CREATE TABLE provider_findings (
    tenant_id      text        NOT NULL,
    hold           text        NOT NULL,
    model          text        NOT NULL,
    began_at       timestamptz NOT NULL,
    ended_at       timestamptz NOT NULL,
    booked_nanousd bigint      NOT NULL,
    cost_nanousd   bigint      NOT NULL,
    input_tokens   bigint      NOT NULL,
    output_tokens  bigint      NOT NULL,
    reason         text        NOT NULL,
    found_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, hold)
);

COMMENT ON COLUMN provider_findings.hold IS 'The public id, yyyy-mm.dd.key.';
