"""All that is told of one tenant: the history of each kind of row, and the agents' runs behind them."""

from infra.local.servicetitan_server.history import Change, History, Row
from infra.local.servicetitan_server.run import Run

FEEDS = (
    "business-units",
    "technicians",
    "tag-types",
    "job-types",
    "campaigns",
    "calls",
    "leads",
    "bookings",
    "jobs",
    "appointments",
    "appointment-assignments",
    "job-canceled-logs",
    "invoices",
)


class Archive:
    def __init__(self) -> None:
        self.histories = {feed: History() for feed in FEEDS}
        self.runs: list[Run] = []

    def tell(self, feed: str, id_: int, base: Row, *changes: Change) -> None:
        self.histories[feed].tell(id_, base, changes)
