"""The statement that stores rows of a feed, made of the fields of its kind: a column for each, in a table of the feed's name.

Its text is constant for each feed, and short: a proxy keeps a connection to itself for one of more than 16 KB.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import get_type_hints

from tollgate.domain.job import KINDS, Feed
from tollgate.domain.job_text import value_type

COLUMN_TYPES: Mapping[type, str] = {
    int: "bigint",
    str: "text",
    bool: "boolean",
    datetime: "timestamptz",
    date: "date",
    Decimal: "numeric",
    tuple: "bigint[]",
}


def columns_of(feed: Feed) -> dict[str, str]:
    """Name -> type in Postgres, in the order of the fields; `connection_id` stands before them."""
    return {name: COLUMN_TYPES[value_type(hint)] for name, hint in get_type_hints(KINDS[feed]).items()}


@cache
def upsert_of(feed: Feed) -> bytes:
    """With the parameters `connection_id` and `rows`, a JSON array of row records, each id once. What is newer there stays; a row that
    is there as it came is not written, so that the number of rows that it writes is that of changes."""
    columns = columns_of(feed)
    names = ", ".join(columns)
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    # No value is in this text: names and types are those of our own classes.
    return (
        f"INSERT INTO servicetitan_{feed} AS stored (connection_id, {names}) "  # noqa: S608
        f"SELECT %(connection_id)s, {names} FROM jsonb_to_recordset(%(rows)s::jsonb) AS incoming ({typed}) "
        f"ON CONFLICT (connection_id, id) DO UPDATE SET {sets} "
        "WHERE (excluded.modified_on IS NULL OR stored.modified_on IS NULL OR excluded.modified_on >= stored.modified_on) "
        "AND stored IS DISTINCT FROM excluded"
    ).encode()
