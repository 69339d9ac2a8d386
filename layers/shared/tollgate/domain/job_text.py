"""Rows, pages and cursors as plain JSON values, for the way from the function that fetches to the one that stores."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_type_hints

from tollgate.domain.job import KINDS, Cursor, Feed, FeedPage, Row, SourceFault

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
        rows = tuple(KINDS[feed](**_values(KINDS[feed], row)) for row in record["rows"])
        return FeedPage(**{**record, "feed": feed, "rows": rows})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a page: {error}") from error


def row_record(row: Row) -> Plain:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def cursor_record(cursor: Cursor) -> Plain:
    return {field.name: _plain(getattr(cursor, field.name)) for field in fields(Cursor)}


def cursor_of(record: Mapping[str, Any]) -> Cursor:
    """The inverse of `cursor_record`. Raises ValueError for anything else."""
    try:
        return Cursor(**_values(Cursor, record))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a cursor: {error}") from error


def _plain(value: Any) -> Any:
    """Money as text: a JSON number would be read as a float by whoever does not know better."""
    match value:
        case date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case tuple():
            return list(value)
        case _:
            return value


READ: Mapping[type, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Decimal: Decimal,
    tuple: tuple,
    SourceFault: SourceFault,
}


def _values(kind: type, record: Mapping[str, Any]) -> Plain:
    """Raises KeyError for a field that `kind` has not."""
    readers = _readers(kind)
    return {name: value if value is None else readers[name](value) for name, value in record.items()}


@cache
def _readers(kind: type) -> Mapping[str, Callable[[Any], Any]]:
    return {name: READ.get(value_type(hint), _as_it_is) for name, hint in get_type_hints(kind).items()}


def value_type(hint: Any) -> type:
    """Of a field that may be None, or of a tuple, the type that its values have: `tuple[int, ...]` is tuple."""
    inner = [each for each in get_args(hint) if each is not type(None)]
    found = getattr(hint, "__origin__", None) or (inner[0] if inner else hint)
    return found if isinstance(found, type) else type(found)


def _as_it_is(value: Any) -> Any:
    return value
