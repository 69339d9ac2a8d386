"""How the last run of a connection ended, as the text that its item keeps."""

import json
from datetime import datetime
from typing import Any

from tollgate.domain.sync_plan import SyncState, SyncStatus


def status_to_text(status: SyncStatus) -> str:
    values: dict[str, Any] = {
        "state": status.state.value,
        "ended_at": status.ended_at.isoformat(),
        "next_due_at": status.next_due_at.isoformat(),
        "connection_version": status.connection_version,
        "caught_up_at": status.caught_up_at.isoformat() if status.caught_up_at else None,
        "problems": dict(status.problems),
    }
    return json.dumps(values, separators=(",", ":"))


def status_from_text(text: str) -> SyncStatus:
    """Raises ValueError for what `status_to_text` did not write."""
    try:
        values = json.loads(text)
        caught_up_at = values["caught_up_at"]
        return SyncStatus(
            state=SyncState(values["state"]),
            ended_at=datetime.fromisoformat(values["ended_at"]),
            next_due_at=datetime.fromisoformat(values["next_due_at"]),
            connection_version=int(values["connection_version"]),
            caught_up_at=datetime.fromisoformat(caught_up_at) if caught_up_at else None,
            problems=dict(values["problems"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a status: {error!r}") from error
