"""Rows, pages and cursors as plain JSON values, for the way from the function that fetches to the one that stores."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from tollgate.domain.job import KINDS, Cursor, Feed, FeedPage, Row

TIMES = frozenset({"created_on", "modified_on", "completed_on", "starts_on", "caught_up_at"})
MONEY = frozenset({"total"})

Plain = dict[str, Any]


def page_record(page: FeedPage) -> Plain:
    return {
        "feed": page.feed.value,
        "rows": [row_record(row) for row in page.rows],
        "continue_from": page.continue_from,
        "has_more": page.has_more,
        "unreadable": page.unreadable,
    }


def page_of(record: Mapping[str, Any]) -> FeedPage:
    """The inverse of `page_record`. Raises ValueError for anything else."""
    try:
        feed = Feed(record["feed"])
        rows = tuple(KINDS[feed](**_values(row)) for row in record["rows"])
        return FeedPage(**{**record, "feed": feed, "rows": rows})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a page: {error}") from error


def row_record(row: Row) -> Plain:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def cursor_record(cursor: Cursor) -> Plain:
    return {"continue_from": cursor.continue_from, "caught_up_at": _plain(cursor.caught_up_at)}


def cursor_of(record: Mapping[str, Any]) -> Cursor:
    """The inverse of `cursor_record`. Raises ValueError for anything else."""
    try:
        return Cursor(**_values(record))
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a cursor: {error}") from error


def _plain(value: Any) -> Any:
    """Money as text: a JSON number would be read as a float by whoever does not know better."""
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            return value


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in record.items()}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in TIMES:
        return datetime.fromisoformat(value)
    return Decimal(value) if name in MONEY else value
