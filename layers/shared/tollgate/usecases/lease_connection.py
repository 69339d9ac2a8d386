"""Lets one at a time do something with a connection."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from tollgate.domain.errors import ConnectionBusy, LedgerUnavailable
from tollgate.ports import Clock, Leases

# Longer than a function that holds one may run: whoever dies with it blocks nobody for long.
LENGTH = timedelta(seconds=30)


@contextmanager
def leased(deed: str, connection_id: str, leases: Leases, *, clock: Clock) -> Iterator[None]:
    """The lease `<deed>/<connection id>` for as long as it is needed. Raises ConnectionBusy, LedgerUnavailable."""
    now = clock()
    name = f"{deed}/{connection_id}"
    fence = leases.take(name, now=now, until=now + LENGTH)
    if fence is None:
        raise ConnectionBusy(connection_id)
    try:
        yield
    finally:
        # It ends by itself.
        with suppress(LedgerUnavailable):
            leases.release(name, fence)
