-- Where two books that should say the same do not, and what is known of the spans that one of them lacks.

-- A row for each drift, from the day on which it is seen until the day on which it is gone; kept afterwards.
CREATE TABLE drifts (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind             text        NOT NULL,
    tenant_id        text,
    month            date        NOT NULL CHECK (extract(day FROM month) = 1),
    day              date,
    expected_nanousd bigint      NOT NULL,
    found_nanousd    bigint      NOT NULL,
    detail           jsonb       NOT NULL,
    first_seen_at    timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    closed_at        timestamptz
);

COMMENT ON COLUMN drifts.tenant_id IS 'Absent where it is of no single tenant.';
COMMENT ON COLUMN drifts.day IS 'Absent where it is of the month.';
COMMENT ON COLUMN drifts.expected_nanousd IS 'What the book says that is believed.';
COMMENT ON COLUMN drifts.found_nanousd IS 'What the other one says.';

-- The same drift seen again is the same row.
CREATE UNIQUE INDEX drifts_open ON drifts (kind, tenant_id, month, day) NULLS NOT DISTINCT WHERE closed_at IS NULL;

-- What a page of the ledger said a while ago: by the next look its spans are no longer on their way. The sweep drops a day's numbers
-- from the page two days after its end; here they stay.
CREATE TABLE page_readings (
    tenant_id      text        NOT NULL,
    month          date        NOT NULL CHECK (extract(day FROM month) = 1),
    epoch          integer     NOT NULL,
    seq            bigint      NOT NULL,
    spent_nanousd  bigint      NOT NULL,
    spent_by_day   jsonb       NOT NULL,
    read_at        timestamptz NOT NULL,
    compared_at    timestamptz,
    PRIMARY KEY (tenant_id, month)
);

COMMENT ON COLUMN page_readings.spent_by_day IS 'Day of the month (two digits) -> nano-dollars, of the days that are known.';

-- Numbers of a page that have no span though their time is over. A span that turns up after all takes its row away.
CREATE TABLE missing_spans (
    tenant_id text        NOT NULL,
    month     date        NOT NULL CHECK (extract(day FROM month) = 1),
    seq       bigint      NOT NULL,
    missed_at timestamptz NOT NULL,
    booked_at timestamptz,
    PRIMARY KEY (tenant_id, month, seq)
);

COMMENT ON COLUMN missing_spans.booked_at IS 'From then on its money stands in the spans as unexplained.';

-- Where a span turns up after its money was booked as unexplained, a row takes its amount from that of its day: no row is ever changed,
-- because rollups have added it. A right of the tables' owner, lent to whoever adds spans; those draw their numbers in turn.
CREATE FUNCTION take_from_unexplained() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tollgate.unexplained', 0));
    INSERT INTO spans (
        tenant_id, month, epoch, seq, posting, hold, at, day, outcome, cost_nanousd, held_nanousd, saved_nanousd,
        input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, reasoning_output_tokens
    )
    SELECT tenant_id, month, 0,
           (SELECT least(min(seq), 0) - 1 FROM spans WHERE tenant_id = OLD.tenant_id AND month = OLD.month AND seq < 0),
           'unexplained', '', at, day, 'unexplained', -cost_nanousd,
           0, 0, 0, 0, 0, 0, 0
    FROM spans
    WHERE tenant_id = OLD.tenant_id AND month = OLD.month AND seq = OLD.seq
    ORDER BY inserted_at DESC, epoch DESC
    LIMIT 1;
    RETURN NULL;
END
$$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION take_from_unexplained() SET search_path = %I, pg_temp', current_schema());
END
$$;

CREATE TRIGGER take_from_unexplained AFTER DELETE ON missing_spans
FOR EACH ROW WHEN (OLD.booked_at IS NOT NULL) EXECUTE FUNCTION take_from_unexplained();

ALTER TABLE spans ADD COLUMN reason text;
COMMENT ON COLUMN spans.reason IS 'Why a correction was posted, in the words of whoever did.';

ALTER TABLE spans DROP CONSTRAINT spans_seq_check;
ALTER TABLE spans ADD CONSTRAINT spans_seq_check CHECK (seq > 0 OR (seq < 0 AND posting = 'unexplained'));
COMMENT ON COLUMN spans.seq IS 'Counts the page''s postings from 1 on, without gaps; below zero: unexplained money, in the place of lost ones, booked or taken back.';
