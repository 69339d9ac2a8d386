"""Rows as they change over time: what a feed shows depends on when it is asked."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

Row = Mapping[str, Any]
Change = tuple[datetime, Row]

# One change in so many is committed late, by up to so many minutes: a quarter of an hour later all are there.
LATE_EVERY = 31
LATE_MINUTES_MAX = 13


class Position(NamedTuple):
    """Behind which revision a reader stands."""

    at: datetime
    id: int


class Revision(NamedTuple):
    """A row as it was changed at `at`: to be seen from `shown_at` until a later one is, or for good.

    Of its life's `changes` it has the first `number`: all revisions of a row share them, for there are a million.
    """

    at: datetime
    id: int
    shown_at: datetime
    until: datetime | None
    base: Row
    changes: tuple[Row, ...]
    number: int

    @property
    def position(self) -> Position:
        return Position(self.at, self.id)

    def is_current(self, now: datetime) -> bool:
        return self.shown_at <= now and (self.until is None or now < self.until)

    def value(self, name: str) -> Any:
        """One field, without making the row."""
        for change in self.changes[self.number - 1 :: -1]:
            if name in change:
                return change[name]
        if name == "modifiedOn" and name not in self.base:
            return stamp(self.at, tick=self.id)
        return self.base.get(name)

    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = {"id": self.id, "modifiedOn": stamp(self.at, tick=self.id), **self.base}
        for change in self.changes[: self.number]:
            row.update(change)
        return row


_moment = itemgetter(0)
_position = itemgetter(0, 1)


class History:
    """Every revision of one kind of row, in the order of change."""

    def __init__(self) -> None:
        self._revisions: list[Revision] = []
        self._is_sorted = True

    def tell(self, id_: int, base: Row, changes: Sequence[Change]) -> None:
        """One row's life. Changes add up: each revision keeps what the earlier ones set."""
        ordered = sorted(changes, key=_moment) if len(changes) > 1 else changes
        self._add(id_, base, [(at, _shown_at(at, id_ + n), change) for n, (at, change) in enumerate(ordered)])

    def amend(self, id_: int, change: Row, *, at: datetime, shown_at: datetime) -> None:
        """A change by hand, anywhere in the life of a row. Raises KeyError where there is no such row by then."""
        life = [revision for revision in self._sorted() if revision.id == id_]
        if not life or life[0].at > at:
            raise KeyError(id_)
        steps = [(revision.at, revision.shown_at, revision.changes[revision.number - 1]) for revision in life]
        steps.append((at, shown_at, change))
        self._revisions = [revision for revision in self._revisions if revision.id != id_]
        self._add(id_, life[0].base, sorted(steps, key=_moment))

    def after(self, position: Position, *, horizon: datetime, now: datetime) -> Iterator[Revision]:
        """Current rows that changed behind `position` and up to `horizon`, oldest change first."""
        revisions = self._sorted()
        for index in range(bisect_right(revisions, position, key=_position), len(revisions)):
            revision = revisions[index]
            if revision.at > horizon:
                return
            if revision.is_current(now):
                yield revision

    def before(self, position: Position, *, now: datetime) -> Iterator[Revision]:
        """Current rows up to `position`, the latest change first."""
        revisions = self._sorted()
        for index in range(bisect_right(revisions, position, key=_position) - 1, -1, -1):
            if revisions[index].is_current(now):
                yield revisions[index]

    def current(self, now: datetime) -> list[Revision]:
        return [revision for revision in self._sorted() if revision.is_current(now)]

    def _add(self, id_: int, base: Row, steps: Sequence[tuple[datetime, datetime, Row]]) -> None:
        changes = tuple([change for _, _, change in steps])
        until: datetime | None = None
        life: list[Revision] = []
        for number in range(len(steps), 0, -1):
            at, shown_at, _ = steps[number - 1]
            life.append(Revision(at, id_, shown_at, until, base, changes, number))
            # A late one may come out after its successor: then it never does.
            if until is None or shown_at < until:
                until = shown_at
        life.reverse()
        self._revisions += life
        self._is_sorted = False

    def _sorted(self) -> list[Revision]:
        if not self._is_sorted:
            self._revisions.sort(key=_position)
            self._is_sorted = True
        return self._revisions


def _shown_at(at: datetime, number: int) -> datetime:
    return at if number % LATE_EVERY else at + timedelta(minutes=1 + number // LATE_EVERY % LATE_MINUTES_MAX)


def stamp(at: datetime, *, tick: int = 0) -> str:
    """As ServiceTitan writes time: UTC with up to seven digits of a second, trailing zeros left out."""
    whole = at.isoformat()[:19]
    if not at.microsecond:
        return f"{whole}Z"
    return f"{whole}.{f'{at.microsecond:06}{tick % 10}'.rstrip('0')}Z"


def next_month(at: datetime) -> datetime:
    """Six in the morning of the next month's first day, when the office closes the month."""
    first = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first.replace(hour=6, minute=0, second=0, microsecond=0)
