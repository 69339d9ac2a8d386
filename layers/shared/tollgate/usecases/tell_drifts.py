"""Tells what a comparison found: each drift that is new, each that is gone, and money that was booked without a span."""

from collections.abc import Mapping
from typing import Any

from tollgate.ports import Alerts


def tell_drifts(compared: Mapping[str, Any], alerts: Alerts) -> None:
    """`compared`: what the task `compare_books` answers."""
    for event, name in (("DriftFound", "opened"), ("DriftGone", "closed"), ("SpansUnexplained", "unexplained")):
        for facts in compared[name]:
            alerts.tell(event, facts)
