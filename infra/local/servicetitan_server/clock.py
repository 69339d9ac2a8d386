"""The server's time: the real one, moved or frozen on demand, so that a token's 15 minutes need no waiting."""

from datetime import UTC, datetime, timedelta


class Clock:
    def __init__(self, frozen_at: datetime | None = None) -> None:
        self._frozen_at = frozen_at
        self._offset = timedelta()

    def now(self) -> datetime:
        return self._frozen_at or datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        if self._frozen_at:
            self._frozen_at += by
        else:
            self._offset += by

    def freeze(self, at: datetime) -> None:
        self._frozen_at = at
