"""Places in an export feed: the `from` of a request, and the opaque `continueFrom` that is given for the next one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.local.servicetitan_server.access import pack, unpack
from infra.local.servicetitan_server.history import Position
from infra.local.servicetitan_server.problem import invalid

BEGINNING = Position(datetime.min.replace(tzinfo=UTC), -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`pages` were read before it."""

    position: Position
    pages: int


class Places:
    """One tenant's: how long places live, and which are dead already."""

    def __init__(self) -> None:
        self._generation = 0
        self.live_for: timedelta | None = None

    def end_all(self) -> None:
        """What was given until now is refused from now on."""
        self._generation += 1

    def give(self, endpoint: str, place: Place, now: datetime) -> str:
        at, id_ = place.position
        return pack([endpoint, at.isoformat(), id_, place.pages, self._generation, now.isoformat()])

    def take(self, text: str, endpoint: str, now: datetime) -> Place:
        """Where to go on from. Raises Problem for a token that is dead, or another endpoint's."""
        if not text:
            return Place(position=BEGINNING, pages=0)
        day = moment_in(text)
        if day:
            return Place(position=Position(day, -1), pages=0)
        try:
            of_endpoint, at, id_, pages, generation, given_on = unpack(text)
            place = Place(position=Position(datetime.fromisoformat(at), id_), pages=pages)
            given_at = datetime.fromisoformat(given_on)
        except (ValueError, TypeError) as error:
            raise invalid("from", "The value is not a valid continuation token.") from error
        if of_endpoint != endpoint:
            raise invalid("from", "The continuation token belongs to another endpoint.")
        if generation != self._generation or (self.live_for is not None and now - given_at > self.live_for):
            raise invalid("from", "The continuation token has expired.")
        return place


def moment_in(text: str) -> datetime | None:
    """A day, or a time; one without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
