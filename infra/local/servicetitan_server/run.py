"""An agent's run: one piece of work of our customer's agent, whose model calls carry its id.

ServiceTitan sees of it what the agent left there: a booking with the run's id as `externalId`, or a call whose id the agent
sets as the job's `partnerLeadCallId`. Many leave nothing, or lead to no job.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.servicetitan_server.history import stamp

VOICE_AGENT = "voice-agent"
BOOKING_AGENT = "booking-agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    id: str
    agent: str
    started_at: datetime
    call_id: int | None = None
    booking_id: int | None = None
    job_id: int | None = None

    @property
    def kind(self) -> str:
        """What the run answers: a call, or a message that asks for a booking."""
        return "call" if self.agent == VOICE_AGENT else "booking"

    def facts(self, *, calls: AbstractSet[int], bookings: AbstractSet[int], jobs: AbstractSet[int]) -> dict[str, Any]:
        """The run with the ids of those rows that are there by now."""
        return {
            "runId": self.id,
            "agent": self.agent,
            "kind": self.kind,
            "startedAt": stamp(self.started_at),
            "callId": self.call_id if self.call_id in calls else None,
            "bookingId": self.booking_id if self.booking_id in bookings else None,
            "jobId": self.job_id if self.job_id in jobs else None,
        }
