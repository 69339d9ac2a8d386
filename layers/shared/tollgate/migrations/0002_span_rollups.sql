-- Spans summed by whole UTC hours. Kept when the spans themselves are dropped.

CREATE TABLE span_rollups (
    tenant_id                   text        NOT NULL,
    hour                        timestamptz NOT NULL,
    response_model              text,
    agent_name                  text,
    outcome                     text        NOT NULL,
    spans                       bigint      NOT NULL,
    calls                       bigint      NOT NULL,
    downgraded_calls            bigint      NOT NULL,
    input_tokens                bigint      NOT NULL,
    cache_read_input_tokens     bigint      NOT NULL,
    cache_creation_input_tokens bigint      NOT NULL,
    output_tokens               bigint      NOT NULL,
    reasoning_output_tokens     bigint      NOT NULL,
    cost_nanousd                bigint      NOT NULL,
    held_nanousd                bigint      NOT NULL,
    saved_nanousd               bigint      NOT NULL,
    UNIQUE NULLS NOT DISTINCT (tenant_id, hour, response_model, agent_name, outcome)
);

-- Spans that arrived before `rolled_up_to` (by this server's clock) are in the roll-up.
CREATE TABLE rollup_watermarks (
    rollup       text        PRIMARY KEY,
    rolled_up_to timestamptz NOT NULL
);
