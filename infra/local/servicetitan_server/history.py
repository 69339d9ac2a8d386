"""Rows as they change over time: what a feed shows depends on when it is asked."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Row = Mapping[str, Any]
Change = tuple[datetime, Row]


class Position(NamedTuple):
    """Behind which revision a reader stands."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A row from `at` until its next change, or for good."""

    at: datetime
    id: int
    until: datetime | None
    base: Row
    changes: Row

    @property
    def position(self) -> Position:
        return Position(self.at, self.id)

    def is_current(self, now: datetime) -> bool:
        return self.at <= now and (self.until is None or now < self.until)

    def row(self) -> dict[str, Any]:
        return {**self.base, "id": self.id, "modifiedOn": stamp(self.at, tick=self.id), **self.changes}


class History:
    """Every revision of one kind of row, in the order of change."""

    def __init__(self) -> None:
        self._revisions: list[Revision] = []
        self._is_sorted = True

    def tell(self, id_: int, base: Row, changes: Sequence[Change]) -> None:
        """One row's life. Changes add up: each revision keeps what the earlier ones set."""
        known: dict[str, Any] = {}
        ordered = sorted(changes, key=lambda change: change[0])
        for number, (at, change) in enumerate(ordered):
            known = {**known, **change}
            until = ordered[number + 1][0] if number + 1 < len(ordered) else None
            self._revisions.append(Revision(at=at, id=id_, until=until, base=base, changes=known))
        self._is_sorted = False

    def after(self, position: Position, *, horizon: datetime, now: datetime) -> Iterator[Revision]:
        """Current rows that changed behind `position` and up to `horizon`, oldest change first."""
        revisions = self._sorted()
        for index in range(bisect_right(revisions, position, key=lambda revision: revision.position), len(revisions)):
            revision = revisions[index]
            if revision.at > horizon:
                return
            if revision.is_current(now):
                yield revision

    def current(self, now: datetime) -> list[Revision]:
        return [revision for revision in self._sorted() if revision.is_current(now)]

    def _sorted(self) -> list[Revision]:
        if not self._is_sorted:
            self._revisions.sort(key=lambda revision: revision.position)
            self._is_sorted = True
        return self._revisions


def stamp(at: datetime, *, tick: int = 0) -> str:
    """As ServiceTitan writes time: UTC with up to seven digits of a second, trailing zeros left out."""
    digits = f"{at.microsecond:06}{tick % 10}".rstrip("0") if at.microsecond else ""
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{digits}" if digits else "") + "Z"


def next_month(at: datetime) -> datetime:
    """Six in the morning of the next month's first day, when the office closes the month."""
    first = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first.replace(hour=6, minute=0, second=0, microsecond=0)
