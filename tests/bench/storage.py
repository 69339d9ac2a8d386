"""What a span takes on Postgres' disk, with its indexes, and what rollups take besides: STORAGE_SPANS=100000 for another number."""

import os
from collections.abc import Iterator

import psycopg

from tests.bench.made_spans import TENANTS
from tests.bench.summary import fill, server
from tests.bench.table import table

SPANS = 1_000_000
# A partition's own name is longer: spans_2026_11.
SIZES = """
SELECT regexp_replace(relname, '_[0-9]{4}_[0-9]{2}$', '') AS name, sum(pg_relation_size(oid)) AS rows, sum(pg_indexes_size(oid)) AS indexes
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
GROUP BY 1 HAVING sum(pg_total_relation_size(oid)) > 1000000 ORDER BY sum(pg_total_relation_size(oid)) DESC
"""


def report(spans: int = SPANS) -> Iterator[str]:
    yield f"## storage: bytes a span, of {spans:,} spans of {TENANTS} tenants in 24 days\n"
    with server() as url:
        fill(url, 0, spans, spans)
        with psycopg.connect(url) as connection:
            found = [(name, int(rows), int(indexes)) for name, rows, indexes in connection.execute(SIZES)]
    found.append(("all", sum(rows for _, rows, _ in found), sum(indexes for _, _, indexes in found)))
    yield table(
        ["table", "rows", "indexes", "both"],
        [
            [name, *(f"{size / spans:,.0f}" for size in (rows, indexes, rows + indexes))]
            for name, rows, indexes in found
        ],
    )


def main() -> None:
    print("\n".join(report(int(os.environ.get("STORAGE_SPANS", SPANS)))))
