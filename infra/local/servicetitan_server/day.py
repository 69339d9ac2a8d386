"""One day of one tenant: where its rows are told, and its draws."""

from dataclasses import dataclass
from datetime import date, datetime

from infra.local.servicetitan_server.archive import Archive
from infra.local.servicetitan_server.draws import Draws
from infra.local.servicetitan_server.run import Run
from infra.local.servicetitan_server.settings import AGENT_CAMPAIGN, OTHER_CAMPAIGNS, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    date: date
    archive: Archive
    settings: Settings
    draws: Draws

    def campaign(self, *, by_agent: bool) -> int:
        return AGENT_CAMPAIGN if by_agent else self.draws.one_of(OTHER_CAMPAIGNS)

    def tell_run(
        self,
        run_id: str,
        *,
        agent: str,
        started_at: datetime,
        call_id: int | None = None,
        booking_id: int | None = None,
        job_id: int | None = None,
    ) -> None:
        run = Run(id=run_id, agent=agent, started_at=started_at, call_id=call_id, booking_id=booking_id, job_id=job_id)
        self.archive.runs.append(run)
