"""A tenant's settings, which change seldom: business units, technicians, tags, job types, campaigns."""

from datetime import UTC, date, datetime, time, timedelta

from infra.local.servicetitan_server.archive import Archive
from infra.local.servicetitan_server.history import Change, Row, next_month, stamp
from infra.local.servicetitan_server.shops import CAMPAIGNS, Shop, Work
from infra.local.servicetitan_server.staff import Technician, technicians_of

AGENT_CAMPAIGN, OTHER_CAMPAIGNS = 304, (301, 302, 303, 305, 306)
OLD_UNIT, OLD_CAMPAIGN = 99, 399
MONTH_CLOSED_TAG, VOICE_AGENT_TAG, WARRANTY_TAG, MEMBER_TAG, OLD_TAG = 900, 901, 902, 903, 999
TAGS = {
    MONTH_CLOSED_TAG: ("Month closed", "CLOSED"),
    VOICE_AGENT_TAG: ("Voice Agent", "VA"),
    WARRANTY_TAG: ("Warranty", "WTY"),
    MEMBER_TAG: ("Member", "MEM"),
    OLD_TAG: ("Door hanger 2019", ""),
}


class Settings:
    def __init__(self, shop: Shop, *, jobs_per_day: float, first_day: date) -> None:
        self.shop = shop
        self._technicians = technicians_of(shop.units, jobs_per_day=jobs_per_day, first_day=first_day)
        self._opened_at = datetime.combine(first_day, time(5), tzinfo=UTC)

    def unit_id(self, unit: str) -> int:
        return self.shop.units.index(unit) + 11

    def work_id(self, work: Work) -> int:
        return self.shop.works.index(work) + 101

    def technicians(self, unit: str, day: date) -> list[Technician]:
        """Those of a business unit who are there on a day; all who are, where it has none."""
        there = [technician for technician in self._technicians if technician.is_there(day)]
        return [technician for technician in there if technician.unit == unit] or there

    def tell(self, archive: Archive) -> None:
        at, created = self._opened_at, {"createdOn": stamp(self._opened_at)}
        on: Change = (at, {"active": True})
        off: Change = (at, {"active": False})
        for unit in self.shop.units:
            archive.tell("business-units", self.unit_id(unit), self._unit(unit), on)
        archive.tell("business-units", OLD_UNIT, {"name": "Old branch", "currency": "USD", **created}, off)
        for technician in self._technicians:
            archive.tell("technicians", technician.id, self._technician(technician), on, *_farewell(technician))
        for id_, (name, code) in TAGS.items():
            tag = {"name": name, "code": code, "color": "#0265DC", "importance": "Low", **created}
            archive.tell("tag-types", id_, tag, off if id_ == OLD_TAG else on)
        for work in self.shop.works:
            kind = {"name": work.name, "businessUnitIds": [self.unit_id(work.unit)], **created}
            archive.tell("job-types", self.work_id(work), kind, on)
        for number, name in enumerate(CAMPAIGNS):
            archive.tell("campaigns", 301 + number, _campaign(301 + number, name, at), on)
        archive.tell("campaigns", OLD_CAMPAIGN, _campaign(OLD_CAMPAIGN, "Door hangers 2019", at), off)

    def tell_month(self, archive: Archive, first: date) -> None:
        """Each month has its own campaign, which ends with it: lists of active campaigns change while they are read."""
        at = datetime.combine(first, time(13), tzinfo=UTC)
        id_ = 1000 + first.year % 100 * 100 + first.month
        campaign = _campaign(id_, f"Seasonal {first:%Y-%m}", at)
        archive.tell("campaigns", id_, campaign, (at, {"active": True}), (next_month(at), {"active": False}))

    def _unit(self, unit: str) -> Row:
        return {
            "name": unit,
            "currency": "USD",
            "trade": {"id": 1, "name": self.shop.trade},
            "division": None,
            "tenant": {"id": self.shop.tenant_id, "name": self.shop.name},
            "createdOn": stamp(self._opened_at),
        }

    def _technician(self, technician: Technician) -> Row:
        first, _, last = technician.name.partition(" ")
        return {
            "userId": technician.user_id,
            "name": technician.name,
            "firstName": first,
            "lastName": last,
            "email": f"{first}.{last}@example.com".lower(),
            "phoneNumber": f"+1555{technician.user_id:07}",
            "loginName": f"{first}{last}".lower(),
            "businessUnitId": self.unit_id(technician.unit),
            "team": technician.unit,
            "isManagedTech": technician.leaves_on is not None,
            "roleIds": [1],
            "createdOn": stamp(self._opened_at),
        }


def _farewell(technician: Technician) -> list[Change]:
    if technician.leaves_on is None:
        return []
    return [(datetime.combine(technician.leaves_on, time(22), tzinfo=UTC), {"active": False})]


def _campaign(id_: int, name: str, at: datetime) -> Row:
    return {
        "name": name,
        "createdOn": stamp(at - timedelta(days=1)),
        "isDefaultCampaign": False,
        "category": {"id": 31, "name": "Marketing", "active": True},
        "source": None,
        "otherSource": None,
        "businessUnit": None,
        "medium": None,
        "otherMedium": None,
        "campaignPhoneNumbers": [f"+1555{id_:07}"],
    }
