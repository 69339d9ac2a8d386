"""Compares the books with what really happened, call by call, when all has landed and all is swept.

What happened is known from outside: the journal says whether the upstream was asked and what it billed, the proxy whether a
gate's last word on a key got through, and the stream of the table what every write did to its page.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.ledger_world import NOON, TwoPrices
from tests.property.audit import Audit
from tests.soak.fault_deeds import key_of
from tollgate.adapters.dynamodb_ledger import TRIES
from tollgate.adapters.page_item import page_of
from tollgate.domain.page import Page, imbalances
from tollgate.domain.price import cost_of
from tollgate.domain.settings_text import settings_from_text
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.usage import Usage


@dataclass(slots=True)
class Call:
    """One call of the soak, as the journal has it. `ended`: None where its process was killed."""

    number: int
    deed: str
    tenant: str
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    settling: int | None = None
    record_id: str | None = None
    cost: int = 0
    ended: str | None = None

    @property
    def key(self) -> str:
        return key_of(self.number)


def read_journal(path: Path) -> dict[int, Call]:
    calls: dict[int, Call] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        number = said["number"]
        match said["event"]:
            case "begun":
                assert number not in calls, "a call was begun twice"
                calls[number] = Call(number=number, deed=said["deed"], tenant=said["tenant"])
            case "asked":
                calls[number].asked.append(said)
            case "settling":
                calls[number].settling = said["cost"]
            case "recording":
                calls[number].record_id, calls[number].cost = said["record_id"], said["cost"]
            case "ended":
                calls[number].ended = said["how"]
    return calls


class Books:
    """Every version of every page, from the stream: each is audited against the one before it."""

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.faults: list[str] = []
        self.pages: dict[tuple[str, str], Page] = {}
        self._settings: dict[str, TenantSettings] = {}
        self._audits: dict[str, Audit] = {}
        for record in records:
            image = record["dynamodb"].get("NewImage", {})
            if image.get("sk", {}).get("S") == "ACCOUNT":
                settings = settings_from_text(image["settings"]["S"])
                self._settings[settings.tenant_id] = settings
            elif image.get("sk", {}).get("S", "").startswith("MONTH#"):
                self._see(page_of(image))

    def _see(self, page: Page) -> None:
        tenant_id = page.tenant_id
        self.pages[tenant_id, page.month] = page
        if tenant_id not in self._audits:
            self._audits[tenant_id] = Audit(
                lambda: [page for page in self.pages.values() if page.tenant_id == tenant_id],
                lambda: self._settings[tenant_id],
            )
            self._audits[tenant_id].barred_below = AllKeys()
        try:
            self._audits[tenant_id](NOON)
        except AssertionError as error:
            if str(error) not in self.faults:
                self.faults.append(str(error))

    @property
    def booked(self) -> Counter[str]:
        """What the spans say of each key or record."""
        return sum((audit.booked for audit in self._audits.values()), Counter())

    @property
    def held(self) -> dict[str, int]:
        return {key: amount for audit in self._audits.values() for key, amount in audit.amounts.items()}

    @property
    def spans(self) -> int:
        return sum(len(audit.spans) for audit in self._audits.values())

    def deeds(self) -> Counter[str]:
        return Counter(span.posting for audit in self._audits.values() for span in audit.spans.values())

    def unsettled_pages(self) -> list[str]:
        """Pages that are not what they must be at rest."""
        found = []
        for (tenant_id, month), page in self.pages.items():
            spans = self._audits[tenant_id].spans
            mine = {seq: span for (of, _, seq), span in spans.items() if of == month}
            if page.use.used != page.use.spent or page.holds or imbalances(page):
                found.append(
                    f"{tenant_id} {month}: used {page.use.used}, spent {page.use.spent}, {len(page.holds)} holds"
                )
            if sum(span.cost_nanousd for span in mine.values()) != page.use.spent:
                found.append(f"{tenant_id} {month}: the spans do not sum to spent")
            if sorted(mine) != list(range(1, page.seq + 1)):
                found.append(f"{tenant_id} {month}: seq has gaps")
            if page.closed or page.due:
                found.append(f"{tenant_id} {month}: a key is closed for ever")
        return found


class AllKeys(set[str]):
    """Every call here has a cheaper model, so every hold for the dear one must be under the soft cap."""

    def __contains__(self, key: object) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`wrong`: what breaks a promise. The counts say what was met on the way."""

    wrong: list[str]
    calls: int
    killed: int
    deeds: Counter[str]
    endings: Counter[str]
    phantoms_killed: int
    phantoms_out_of_reach: int
    in_full_killed: int
    in_full_out_of_reach: int
    spans: int
    postings: Counter[str]


def judge(calls: Mapping[int, Call], books: Books, failures: Mapping[str, int]) -> Judgement:
    """`failures`: how many of the last requests about each key failed in a row."""
    wrong = [*books.faults, *books.unsettled_pages()]
    booked, held = books.booked, books.held
    counts: Counter[str] = Counter()
    for call in calls.values():
        if (call.ended or "").startswith("BROKEN"):
            wrong.append(f"{call.key} {call.deed}: {call.ended}")
        found = booked[call.key] + (booked[call.record_id[:64]] if call.record_id else 0)
        most = held.get(call.key, 0)
        allowed = _allowed(call, most, failures=failures.get(call.key, 0))
        if found not in allowed:
            wrong.append(f"{call.key} {call.deed} ({call.ended or 'killed'}): {found} is booked, not one of {allowed}")
        wrong += [f"{call.key}: {fault}" for fault in _faults_of_asking(call, most)]
        if found and call.deed in ("chat", "hold") and call.ended != "forgotten":
            why = "killed" if call.ended is None else "out_of_reach"
            exact = _cost(call, most)
            counts[f"phantoms_{why}"] += exact is None
            counts[f"in_full_{why}"] += exact is not None and found != exact
    return Judgement(
        wrong=wrong,
        calls=len(calls),
        killed=sum(call.ended is None for call in calls.values()),
        deeds=Counter(call.deed for call in calls.values()),
        endings=Counter(call.ended or "killed" for call in calls.values()),
        phantoms_killed=counts["phantoms_killed"],
        phantoms_out_of_reach=counts["phantoms_out_of_reach"],
        in_full_killed=counts["in_full_killed"],
        in_full_out_of_reach=counts["in_full_out_of_reach"],
        spans=books.spans,
        postings=books.deeds(),
    )


def _allowed(call: Call, held: int, *, failures: int) -> set[int]:
    """What the books may say of a call."""
    if call.deed in ("check", "record"):
        unsure = set() if call.ended == "recorded" else {0}
        return unsure | ({call.cost} if call.record_id else {0})
    cost = _cost(call, held) or 0
    if call.deed not in ("chat", "hold") or call.ended in ("replied", "settled", "cancelled", "forgotten"):
        return {cost}
    # A gate that lives is excused only if it tried to the last: three times at the least to settle or to cancel, and to cancel
    # comes after the hold itself had no answer.
    least = TRIES + 1 if _cost(call, held) is None and call.ended != "uncancelled" else TRIES
    return {cost, held} if call.ended is None or failures >= least else {cost}


def _cost(call: Call, held: int) -> int | None:
    """The bill, or what stands for it where nobody knows it; None where there is none, because the upstream was never asked."""
    if call.ended == "forgotten" and call.deed == "hold":
        return held
    if call.settling is not None:
        return call.settling
    if not call.asked:
        return None
    asked = call.asked[0]
    if asked["kind"] != "answered":
        return held if asked["kind"] == "unclear" else 0
    return int(
        cost_of(Usage(uncached=asked["input"], output=asked["output"]), TwoPrices().price_of(asked["model"], NOON))
    )


def _faults_of_asking(call: Call, held: int) -> list[str]:
    faults = []
    if len(call.asked) > 1:
        faults.append("the upstream was asked twice within one hold")
    if call.asked and not held:
        faults.append("the upstream was asked, and nothing was held for it")
    if (_cost(call, held) or 0) > held:
        faults.append("the bill is above what was held")
    return faults
