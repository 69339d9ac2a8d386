"""The two ways to read: export feeds by opaque tokens, and lists by pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from infra.local.servicetitan_server.active import active_filter
from infra.local.servicetitan_server.history import History, Position, Revision
from infra.local.servicetitan_server.place import Place, Places, moment_in
from infra.local.servicetitan_server.problem import invalid

# A change shows up in an export only after this long, unless the caller asks for recent changes (and for repeats).
SETTLES_IN = timedelta(minutes=15)
PAGE_SIZE_MAX = 5000
PAGE_SIZE = 50
IDS_MAX = 50
# So often a page comes empty although more follows: whoever stops at an empty page loses rows.
EMPTY_EVERY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """What a fault makes of one page: nothing in it although more follows, or some of the last page's rows once more."""

    is_empty: bool = False
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One tenant's feed at one endpoint, at one time."""

    history: History
    endpoint: str
    places: Places
    now: datetime
    rows_max: int
    active: str | None = None

    def page(self, query: Mapping[str, str], twist: Twist) -> dict[str, Any]:
        """One page, with the token to go on from. Raises Problem for a token that is not this endpoint's, or dead."""
        place = self.places.take(query.get("from", ""), self.endpoint, self.now)
        wanted = active_filter(query.get("active", self.active)) if self.active else None
        is_recent = query.get("includeRecentChanges", "").lower() == "true"
        horizon = self.now if is_recent else self.now - SETTLES_IN
        behind = self.history.after(place.position, horizon=horizon, now=self.now)
        found = list(islice(filter(wanted, behind), self.rows_max + 1))
        has_more = len(found) > self.rows_max
        if twist.is_empty or (has_more and place.pages % EMPTY_EVERY == EMPTY_EVERY - 1):
            return self._answer([], place.position, pages=place.pages + 1, has_more=True)
        page = found[: self.rows_max]
        reached = page[-1].position if page else place.position
        if is_recent and not has_more:
            reached = self._settled(reached)
        rows = [*self._repeated(place, twist.repeated, wanted), *_shuffled(page, place.pages)]
        return self._answer(rows, reached, pages=place.pages + 1, has_more=has_more)

    def _settled(self, reached: Position) -> Position:
        """Back to where nothing can come in between any more: what follows is repeated, and late ones come with it."""
        return reached if reached.at > self.now else min(reached, Position(self.now - SETTLES_IN, -1))

    def _repeated(self, place: Place, number: int, wanted: Callable[[Revision], bool] | None) -> list[dict[str, Any]]:
        before = filter(wanted, self.history.before(place.position, now=self.now)) if number else iter(())
        return [revision.row() for revision in islice(before, number)][::-1]

    def _answer(self, rows: list[dict[str, Any]], reached: Position, *, pages: int, has_more: bool) -> dict[str, Any]:
        token = self.places.give(self.endpoint, Place(position=reached, pages=pages), self.now)
        return {"hasMore": has_more, "continueFrom": token, "data": rows}


def list_page(history: History, query: Mapping[str, str], *, now: datetime) -> dict[str, Any]:
    """One page of a list: active rows unless asked otherwise, a total only when asked. `sort` is ignored."""
    number = _whole(query, "page", 1, PAGE_SIZE_MAX * 1000)
    size = _whole(query, "pageSize", PAGE_SIZE, PAGE_SIZE_MAX)
    filters = _filters(query)
    found = [revision for revision in history.current(now) if all(wanted(revision) for wanted in filters)]
    found.sort(key=lambda revision: revision.id)
    data = [revision.row() for revision in found[(number - 1) * size : number * size]]
    total = len(found) if query.get("includeTotal", "").lower() == "true" else None
    return {"page": number, "pageSize": size, "hasMore": number * size < len(found), "totalCount": total, "data": data}


def _shuffled(page: list[Revision], pages: int) -> list[dict[str, Any]]:
    """Exports are "usually sorted": some neighbours change places."""
    rows = [revision.row() for revision in page]
    for index in range(pages % 3, len(rows) - 1, 7):
        rows[index], rows[index + 1] = rows[index + 1], rows[index]
    return rows


def _filters(query: Mapping[str, str]) -> list[Callable[[Revision], bool]]:
    filters = [active_filter(query.get("active", "True"))]
    if "ids" in query:
        ids = _ids(query["ids"])
        filters.append(lambda revision: revision.id in ids)
    for column in ("createdOn", "modifiedOn"):
        on_or_after = _moment(query, f"{column}OrAfter")
        before = _moment(query, f"{column.removesuffix('On')}Before")
        if on_or_after or before:
            filters.append(_within(column, on_or_after, before))
    return filters


def _within(column: str, on_or_after: datetime | None, before: datetime | None) -> Callable[[Revision], bool]:
    def is_within(revision: Revision) -> bool:
        value = revision.value(column)
        if value is None:
            return False
        at = datetime.fromisoformat(value)
        return not (on_or_after and at < on_or_after) and not (before and at >= before)

    return is_within


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


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    at = moment_in(query[name])
    if at is None:
        raise invalid(name, f"The value '{query[name]}' is not valid.")
    return at
