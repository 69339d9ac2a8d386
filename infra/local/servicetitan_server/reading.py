"""The two ways to read: export feeds by opaque tokens, and lists by pages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from infra.local.servicetitan_server.access import pack, unpack
from infra.local.servicetitan_server.history import History, Position, Revision
from infra.local.servicetitan_server.problem import invalid

# A change shows up in an export only after this long, unless the caller asks for recent changes (and for repeats).
SETTLES_IN = timedelta(minutes=15)
PAGE_SIZE_MAX = 5000
PAGE_SIZE = 50
IDS_MAX = 50
# So often a page comes empty although more follows: whoever stops at an empty page loses rows.
EMPTY_EVERY = 5
BEGINNING = Position(datetime.min.replace(tzinfo=UTC), -1)


def export(
    history: History, query: Mapping[str, str], *, endpoint: str, now: datetime, rows_max: int
) -> dict[str, Any]:
    """One page of a feed, with the token to go on from. Raises Problem for a token of another endpoint."""
    position, pages = _start(query.get("from", ""), endpoint)
    is_recent = query.get("includeRecentChanges", "").lower() == "true"
    horizon = now if is_recent else now - SETTLES_IN
    found = list(islice(history.after(position, horizon=horizon, now=now), rows_max + 1))
    has_more = len(found) > rows_max
    if has_more and pages % EMPTY_EVERY == EMPTY_EVERY - 1:
        return {"hasMore": True, "continueFrom": _token(endpoint, position, pages + 1), "data": []}
    page = found[:rows_max]
    reached = page[-1].position if page else position
    if is_recent and not has_more:
        reached = max(position, min(reached, Position(now - SETTLES_IN, -1)))
    return {"hasMore": has_more, "continueFrom": _token(endpoint, reached, pages + 1), "data": _shuffled(page, pages)}


def list_page(history: History, query: Mapping[str, str], *, now: datetime) -> dict[str, Any]:
    """One page of a list: active rows unless asked otherwise, a total only when asked. `sort` is ignored."""
    number = _whole(query, "page", 1, PAGE_SIZE_MAX * 1000)
    size = _whole(query, "pageSize", PAGE_SIZE, PAGE_SIZE_MAX)
    rows = [row for revision in history.current(now) if _is_asked_for(row := revision.row(), query)]
    rows.sort(key=lambda row: row["id"])
    data = rows[(number - 1) * size : number * size]
    total = len(rows) if query.get("includeTotal", "").lower() == "true" else None
    return {"page": number, "pageSize": size, "hasMore": number * size < len(rows), "totalCount": total, "data": data}


def _start(text: str, endpoint: str) -> tuple[Position, int]:
    if not text:
        return BEGINNING, 0
    day = _date(text)
    if day:
        return Position(day, -1), 0
    try:
        of_endpoint, at, id_, pages = unpack(text)
    except ValueError as error:
        raise invalid("from", "The value is not a valid continuation token.") from error
    if of_endpoint != endpoint:
        raise invalid("from", "The continuation token belongs to another endpoint.")
    return Position(datetime.fromisoformat(at), id_), pages


def _token(endpoint: str, position: Position, pages: int) -> str:
    return pack([endpoint, position.at.isoformat(), position.id, pages])


def _shuffled(page: list[Revision], pages: int) -> list[dict[str, Any]]:
    """Exports are "usually sorted": some neighbours change places."""
    rows = [revision.row() for revision in page]
    for index in range(pages % 3, len(rows) - 1, 7):
        rows[index], rows[index + 1] = rows[index + 1], rows[index]
    return rows


def _is_asked_for(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    active = query.get("active", "true").lower()
    if active != "any" and row.get("active", True) is not (active == "true"):
        return False
    if "ids" in query and row["id"] not in _ids(query["ids"]):
        return False
    return all(
        _is_within(row.get(column), query.get(f"{column}OrAfter"), query.get(f"{column.removesuffix('On')}Before"))
        for column in ("createdOn", "modifiedOn")
    )


def _is_within(value: str | None, on_or_after: str | None, before: str | None) -> bool:
    if on_or_after is None and before is None:
        return True
    if value is None:
        return False
    at = datetime.fromisoformat(value)
    is_early = on_or_after is not None and at < _moment("OnOrAfter", on_or_after)
    is_late = before is not None and at >= _moment("Before", before)
    return not is_early and not is_late


def _ids(text: str) -> set[int]:
    parts = text.split(",")
    if len(parts) > IDS_MAX or not all(part.strip().isdigit() for part in parts):
        raise invalid("ids", f"At most {IDS_MAX} whole numbers.")
    return {int(part) for part in parts}


def _whole(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= highest:
        raise invalid(name, f"The value must be between 1 and {highest}.")
    return int(text)


def _moment(name: str, text: str) -> datetime:
    at = _date(text)
    if at is None:
        raise invalid(name, f"The value '{text}' is not valid.")
    return at


def _date(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
