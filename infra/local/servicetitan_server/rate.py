"""How often something happens: a throttle's window, and the most that was ever seen within one."""

from collections import deque
from datetime import datetime, timedelta


class Window:
    """What happened in the last `length`: at most `limit` are let through."""

    def __init__(self, limit: int, length: timedelta) -> None:
        self._limit = limit
        self._length = length
        self._taken: deque[datetime] = deque()

    def take(self, now: datetime) -> bool:
        while self._taken and self._taken[0] <= now - self._length:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            return False
        self._taken.append(now)
        return True


class Peak:
    """The most that arrived within any one second, counted in full."""

    def __init__(self) -> None:
        self._arrived: deque[tuple[float, int]] = deque()
        self._within = 0
        self.highest = 0

    def count(self, second: float) -> None:
        """`second` is any clock's, and may stand still."""
        while self._arrived and self._arrived[0][0] <= second - 1:
            self._within -= self._arrived.popleft()[1]
        number = self._arrived.pop()[1] if self._arrived and self._arrived[-1][0] == second else 0
        self._arrived.append((second, number + 1))
        self._within += 1
        self.highest = max(self.highest, self._within)
