"""What is measured of a call that was made, once it is settled: no word of it, and not whose it was."""

from dataclasses import dataclass
from datetime import timedelta

from tollgate.domain.money import NanoUsd
from tollgate.domain.span import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCall:
    """`in_flight`: the holds of its tenant's page while it was made, its own included. `ours`: the time from its beginning to its
    settlement that was not `upstream`'s, which is that of all tries."""

    outcome: Outcome
    held: NanoUsd
    in_flight: int
    ours: timedelta
    upstream: timedelta
    downgrade_reason: str | None = None
