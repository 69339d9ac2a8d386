"""What the ledger and Postgres hold of a run, read without Tollgate's own code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One tenant over all its pages. `days`: date -> nano-dollars spent; `months` alike."""

    spent: int
    used: int
    holds: int
    seq: int
    days: Mapping[str, int]
    months: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEntry:
    """One tenant's rows. `served`: those of calls that OpenAI answered."""

    cost: int
    count: int
    served: int


def read_ledger(dynamodb: Any, table: str, tenants: Sequence[str]) -> dict[str, LedgerEntry]:
    """`dynamodb`: a boto3 client."""
    return {tenant_id: ledger_entry(query_pages(dynamodb, table, tenant_id)) for tenant_id in tenants}


def query_pages(dynamodb: Any, table: str, tenant_id: str) -> list[dict[str, Any]]:
    answer = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :tenant AND begins_with(sk, :month)",
        ExpressionAttributeValues={":tenant": {"S": f"TENANT#{tenant_id}"}, ":month": {"S": "MONTH#"}},
        ConsistentRead=True,
    )
    items: list[dict[str, Any]] = answer["Items"]
    return items


def ledger_entry(pages: Sequence[Mapping[str, Any]]) -> LedgerEntry:
    months = {page["sk"]["S"].removeprefix("MONTH#"): page for page in pages}
    return LedgerEntry(
        spent=sum(whole(page["spent"]) for page in pages),
        used=sum(whole(page["used"]) for page in pages),
        holds=sum(len(page["holds"]["M"]) for page in pages),
        seq=sum(whole(page["seq"]) for page in pages),
        days={f"{month}-{day}": spent for month, page in months.items() for day, spent in days_of(page).items()},
        months={month: whole(page["spent"]) for month, page in months.items()},
    )


def days_of(page: Mapping[str, Any]) -> dict[str, int]:
    return {name[-2:]: whole(value) for name, value in page.items() if name.startswith("spent_")}


def whole(number: Mapping[str, str]) -> int:
    return int(number["N"])


# A span is there once by its place (the primary key), so as many spans as postings are all of them.
SPANS = """
    SELECT tenant_id, sum(cost_nanousd)::bigint, count(*), count(*) FILTER (WHERE outcome = 'ok')
    FROM spans WHERE tenant_id = ANY (%s) GROUP BY tenant_id
"""


def read_spans(database_url: str, tenants: Sequence[str]) -> dict[str, SpanEntry]:
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        rows = connection.execute(SPANS, [list(tenants)]).fetchall()
    found = {tenant_id: SpanEntry(cost=cost, count=count, served=served) for tenant_id, cost, count, served in rows}
    nothing = SpanEntry(cost=0, count=0, served=0)
    return {tenant_id: found.get(tenant_id, nothing) for tenant_id in tenants}
