"""A month of runs of one large shop, and thirteen months of its business, made up by their numbers."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg

from tests.bench.made_spans import MONTH_STARTS, NOW

SHOP = "large-shop"
CONNECTION = "large-shop/1"
SPANS_OF_A_RUN = 3
# Ids as large as theirs.
BASE = 2**53
MONTHS, JOBS_A_MONTH, CALLS_A_MONTH = 13, 12_000, 20_000
COPY = (
    "COPY spans (tenant_id, month, epoch, seq, posting, hold, at, day, outcome, cost_nanousd, held_nanousd, saved_nanousd, "
    "request_model, response_model, input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, "
    "reasoning_output_tokens, agent_name, run_id, job_id, call_id) FROM STDIN"
)
BUSINESS = (
    "INSERT INTO servicetitan_connections VALUES (%(connection)s, %(shop)s, 'America/Chicago', now())",
    # The newest months' jobs have the highest numbers. A third comes of bookings, another of calls.
    (
        "INSERT INTO servicetitan_jobs (connection_id, id, number, status, created_on, lead_call_id, booking_id, is_free, is_active) "
        "SELECT %(connection)s, %(base)s + n, 'J' || n, CASE WHEN n %% 8 = 0 THEN 'Canceled' ELSE 'Completed' END, "
        "%(now)s::timestamptz + interval '10 minutes' - (%(jobs)s - n) * %(month)s::interval / %(jobs_a_month)s, "
        "CASE WHEN n %% 3 = 1 THEN %(base)s + n END, CASE WHEN n %% 3 = 0 THEN %(base)s + n END, false, true "
        "FROM generate_series(1, %(jobs)s::bigint) AS n"
    ),
    (
        "INSERT INTO servicetitan_bookings (connection_id, id, status, external_id, job_id, is_active) "
        "SELECT %(connection)s, %(base)s + n, 'Converted', 'run-' || (%(jobs)s - n), %(base)s + n, true "
        "FROM generate_series(3, %(jobs)s::bigint, 3) AS n"
    ),
    (
        "INSERT INTO servicetitan_calls (connection_id, id, type, created_on, job_id, is_active) "
        "SELECT %(connection)s, %(base)s + n, CASE WHEN n %% 3 = 1 THEN 'Booked' ELSE 'Unbooked' END, "
        "%(now)s::timestamptz - (%(calls)s - n) * %(month)s::interval / %(calls_a_month)s, "
        "CASE WHEN n %% 3 = 1 AND n <= %(jobs)s THEN %(base)s + n END, true FROM generate_series(1, %(calls)s::bigint) AS n"
    ),
    (
        "INSERT INTO servicetitan_leads (connection_id, id, status, call_id, booking_id, is_active) "
        "SELECT %(connection)s, %(base)s + n, 'Open', %(base)s + n, %(base)s + n, true FROM generate_series(2, %(jobs)s::bigint, 20) AS n"
    ),
    (
        "INSERT INTO servicetitan_invoices (connection_id, id, job_id, subtotal, is_active) "
        "SELECT %(connection)s, %(base)s + n, %(base)s + n, 400, true FROM generate_series(1, %(jobs)s::bigint) AS n"
    ),
    (
        "INSERT INTO servicetitan_invoices (connection_id, id, adjustment_to_id, subtotal, is_active) "
        "SELECT %(connection)s, %(base)s + %(jobs)s + n, %(base)s + n, -50, true FROM generate_series(1, %(jobs)s::bigint, 50) AS n"
    ),
)


def make_business(url: str) -> None:
    jobs, calls = MONTHS * JOBS_A_MONTH, MONTHS * CALLS_A_MONTH
    facts = {
        "connection": CONNECTION, "shop": SHOP, "base": BASE, "now": NOW, "month": NOW - MONTH_STARTS, "jobs": jobs, "calls": calls,
        "jobs_a_month": JOBS_A_MONTH, "calls_a_month": CALLS_A_MONTH,
    }  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in BUSINESS:
            connection.execute(statement.encode(), facts)


def copy_runs(url: str, runs: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor().copy(COPY) as copy:
        copy.write("".join(_lines(runs)))


def _lines(runs: int) -> Iterator[str]:
    """Of ten runs two are named by a booking, four know their call, two their job, and two lead nowhere."""
    apart = (NOW - MONTH_STARTS) / runs
    for number in range(runs):
        kind, age = number % 10, runs - 1 - number
        job = MONTHS * JOBS_A_MONTH - age * JOBS_A_MONTH // runs
        run = f"run-{age // 10 * 6 + kind * 3}" if kind < 2 else f"lost-{number}"
        call_id = str(BASE + MONTHS * CALLS_A_MONTH - age * CALLS_A_MONTH // runs) if 2 <= kind < 6 else "\\N"
        job_id = str(BASE + job) if 6 <= kind < 8 else "\\N"
        for step in range(SPANS_OF_A_RUN):
            at = MONTH_STARTS + apart * number + timedelta(minutes=2 * step)
            day = (at - timedelta(hours=6)).day
            yield (
                f"{SHOP}\t2026-11-01\t0\t{number * SPANS_OF_A_RUN + step + 1}\tsettle\tZk3vQ0a{number:08x}\t{at.isoformat()}\t"
                f"2026-11-{day:02}\tok\t{2500 * (number % 997)}\t0\t0\tgpt-4o\tgpt-4o\t900\t0\t0\t100\t0\tbooking-agent\t{run}\t"
                f"{job_id}\t{call_id}\n"
            )
