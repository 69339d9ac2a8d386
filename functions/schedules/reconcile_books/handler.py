"""Every hour: has the ledger compared with the spans, and tells what was found.

The comparison is inside the private network, where EventBridge has no address; this is outside.
"""

from collections.abc import Mapping
from typing import Any

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.usecases.tell_drifts import tell_drifts


@scheduled
def handle(event: Mapping[str, Any]) -> Mapping[str, Any]:
    compared = wiring.remote_comparison()(event)
    tell_drifts(compared, wiring.event_alerts())
    return compared
