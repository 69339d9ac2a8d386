"""Which paths exist. A wrong module slug (`salestech`, `task-management`) is a 404, as it is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

PATH = re.compile(r"/(?P<module>[a-z-]+)/v(?P<version>\d+)/tenant/(?P<tenant>[^/]+)/(?P<rest>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    feed: str
    scope: str
    is_export: bool
    # What `active` is taken for where a caller says nothing; none where the feed has no such filter.
    active: str | None = None


def _export(feed: str, scope: str, *, active: str | None = None) -> Resource:
    return Resource(feed=feed, scope=scope, is_export=True, active=active)


def _list(feed: str, scope: str) -> Resource:
    return Resource(feed=feed, scope=scope, is_export=False, active="True")


RESOURCES: Mapping[tuple[str, int, str], Resource] = {
    ("settings", 2, "export/business-units"): _export("business-units", "tn.stt.businessunits:r"),
    ("settings", 2, "business-units"): _list("business-units", "tn.stt.businessunits:r"),
    ("settings", 2, "export/technicians"): _export("technicians", "tn.stt.technicians:r"),
    ("settings", 2, "export/tag-types"): _export("tag-types", "tn.stt.tagtypes:r"),
    ("jpm", 2, "export/jobs"): _export("jobs", "tn.jpm.jobs:r"),
    ("jpm", 2, "jobs"): _list("jobs", "tn.jpm.jobs:r"),
    ("jpm", 2, "export/appointments"): _export("appointments", "tn.jpm.appointments:r", active="Any"),
    ("jpm", 2, "export/job-canceled-logs"): _export("job-canceled-logs", "tn.jpm.jobcanceledlogs:r"),
    ("jpm", 2, "job-types"): _list("job-types", "tn.jpm.jobtypes:r"),
    ("crm", 2, "export/bookings"): _export("bookings", "tn.crm.bookings:r"),
    ("crm", 2, "bookings"): _list("bookings", "tn.crm.bookings:r"),
    ("crm", 2, "export/leads"): _export("leads", "tn.crm.leads:r"),
    ("dispatch", 2, "export/appointment-assignments"): _export(
        "appointment-assignments", "tn.dis.appointmentassignments:r", active="True"
    ),
    ("telecom", 2, "export/calls"): _export("calls", "tn.tlc.calls:r"),
    ("accounting", 2, "export/invoices"): _export("invoices", "tn.acc.invoices:r"),
    ("marketing", 2, "campaigns"): _list("campaigns", "tn.mar.campaigns:r"),
}
