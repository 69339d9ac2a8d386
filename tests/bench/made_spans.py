"""Spans of 500 shops in one month, made up by their numbers and stored with COPY."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg

TENANTS = 500
MONTH_STARTS = datetime(2026, 11, 1, 6, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
# So many in a transaction, and so with one number of arrival.
AT_ONCE = 25_000
# A shop's jobs of a day, however many calls its agents make for each.
JOBS_A_DAY = 12
MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4o-mini", "gpt-4.1-mini")
AGENTS = ("booking-agent", "booking-agent", "dispatch-agent", "quote-agent", "follow-up-agent")
OUTCOMES = ("ok",) * 47 + ("failed", "unknown", "lapsed")
COPY = (
    "COPY spans (tenant_id, month, epoch, seq, posting, hold, at, day, outcome, cost_nanousd, held_nanousd, saved_nanousd, "
    "request_model, response_model, service_tier, input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens, "
    "reasoning_output_tokens, latency_ms, upstream_ms, agent_name, run_id, job_id, request_id) FROM STDIN"
)


def tenant(number: int) -> str:
    return f"shop-{number:03}"


def copy_spans(url: str, first: int, last: int, spans: int) -> None:
    """Those with the numbers from `first` to `last` (excluded) of so many, in the order of their times."""
    with psycopg.connect(url, autocommit=True) as connection:
        for begin in range(first, last, AT_ONCE):
            with connection.cursor().copy(COPY) as copy:
                copy.write("".join(_lines(begin, min(begin + AT_ONCE, last), spans)))


def _lines(first: int, last: int, spans: int) -> Iterator[str]:
    length = (NOW - MONTH_STARTS) / spans
    for number in range(first, last):
        # Mixed, so that a shop's spans have all models, agents and lengths.
        mixed = number * 2654435761 >> 7 & 0xFFFFFF
        at = MONTH_STARTS + length * number
        day = (at - timedelta(hours=6)).day
        model, shop = MODELS[mixed % 4], number % TENANTS
        latency, tokens = 300 + mixed % 97 * (mixed % 61), 200 + mixed % 3000
        yield (
            f"{tenant(shop)}\t2026-11-01\t0\t{number // TENANTS + 1}\tsettle\tZk3vQ0a{number:08x}\t{at.isoformat()}\t2026-11-{day:02}\t"
            f"{OUTCOMES[mixed % 50]}\t{tokens * 2500}\t{tokens * 4000}\t0\tgpt-4o\t{model}\tdefault\t{tokens}\t{tokens // 4}\t0\t"
            f"{tokens // 5}\t0\t{latency}\t{latency - 20}\t{AGENTS[mixed % 5]}\trun-{mixed % 1000}\t"
            f"J-{day:02}-{mixed % JOBS_A_DAY}\trequest-{number:x}\n"
        )
