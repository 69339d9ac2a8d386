"""The morning's clock, which all desks share: it pauses, ends, and can be stopped."""

import threading
import time
from dataclasses import dataclass, field

# A machine that is too slow for the whole morning plays a shorter one.
LAST_CALLER_AFTER_S = 60.0


class Stopped(Exception):
    """The person does not want to see any more."""


@dataclass(slots=True)
class Shift:
    _began: float = field(default_factory=time.monotonic)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def takes_callers(self) -> bool:
        return self.elapsed_s < LAST_CALLER_AFTER_S

    def pause(self, seconds: float) -> None:
        """Raises Stopped."""
        if self._stopping.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        self._stopping.set()
