"""The proof: the same money, counted by four who do not know of each other, in whole nano-dollars."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.local.demo.api import Summary
from infra.local.demo.bill import Bill
from infra.local.demo.books import LedgerEntry, SpanEntry
from infra.local.demo.tally import Count

MONEY = "nano-dollars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two counts of one thing, by tenant: equal only where every tenant's are."""

    left_name: str
    left: Mapping[str, int]
    right_name: str
    right: Mapping[str, int]
    unit: str = MONEY

    @property
    def is_equal(self) -> bool:
        return dict(self.left) == dict(self.right)

    @property
    def sums(self) -> tuple[int, int]:
        return sum(self.left.values()), sum(self.right.values())

    @property
    def differences(self) -> list[str]:
        return [
            f"{tenant_id}: {self.left.get(tenant_id, 0):,} and {self.right.get(tenant_id, 0):,}, "
            f"difference {self.left.get(tenant_id, 0) - self.right.get(tenant_id, 0):+,} {self.unit}"
            for tenant_id in sorted({*self.left, *self.right})
            if self.left.get(tenant_id, 0) != self.right.get(tenant_id, 0)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`promise` as it is shown where it holds; `breaches`: what speaks against it."""

    promise: str
    breaches: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was counted, by tenant. `bill` is None where OpenAI does not tell; `limits`: (day, month)."""

    bill: Bill | None
    ledger: Mapping[str, LedgerEntry]
    spans: Mapping[str, SpanEntry]
    summaries: Mapping[str, Summary]
    counts: Mapping[str, Count]
    limits: Mapping[str, tuple[int, int]]
    flooded: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    comparisons: tuple[Comparison, ...]
    checks: tuple[Check, ...]
    left_out: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        return all(comparison.is_equal for comparison in self.comparisons)

    @property
    def keeps_promises(self) -> bool:
        return not any(check.breaches for check in self.checks)


def prove(evidence: Evidence) -> Proof:
    return Proof(
        comparisons=(*billed(evidence), *booked(evidence)),
        checks=(within_budget(evidence), flood_stopped(evidence)),
        left_out=tuple(left_out(evidence)),
    )


def billed(evidence: Evidence) -> list[Comparison]:
    """From outside: OpenAI's word, and what the agents were told with each answer."""
    spent = {tenant_id: entry.spent for tenant_id, entry in evidence.ledger.items()}
    found = []
    if evidence.bill is not None:
        served = {tenant_id: entry.served for tenant_id, entry in evidence.spans.items()}
        bill = evidence.bill
        found += [
            Comparison(
                left_name="OpenAI served, priced by hand", left=bill.cost, right_name="ledger, spent", right=spent
            ),
            Comparison(
                left_name="OpenAI served",
                left=bill.calls,
                right_name="spans of answered calls",
                right=served,
                unit="calls",
            ),
        ]
    if not any(count.failed for count in evidence.counts.values()):
        receipts = {tenant_id: evidence.counts[tenant_id].receipts for tenant_id in evidence.ledger}
        found.append(Comparison(left_name="agents' receipts", left=receipts, right_name="ledger, spent", right=spent))
    return found


def booked(evidence: Evidence) -> list[Comparison]:
    """Inside: the ledger, Postgres, and the summaries that the API makes of it."""
    spent = {tenant_id: entry.spent for tenant_id, entry in evidence.ledger.items()}
    costs = {tenant_id: entry.cost for tenant_id, entry in evidence.spans.items()}
    return [
        Comparison(left_name="ledger, spent", left=spent, right_name="Postgres, sum of spans", right=costs),
        Comparison(
            left_name="ledger, postings (seq)",
            left={tenant_id: entry.seq for tenant_id, entry in evidence.ledger.items()},
            right_name="Postgres, spans",
            right={tenant_id: entry.count for tenant_id, entry in evidence.spans.items()},
            unit="spans",
        ),
        Comparison(
            left_name="API, cost in the summaries",
            left={tenant_id: summary.cost for tenant_id, summary in evidence.summaries.items()},
            right_name="Postgres, sum of spans",
            right=costs,
        ),
        Comparison(
            left_name="ledger, held",
            left={tenant_id: entry.used - entry.spent for tenant_id, entry in evidence.ledger.items()},
            right_name="nothing",
            right=dict.fromkeys(evidence.ledger, 0),
        ),
        Comparison(
            left_name="ledger, open holds",
            left={tenant_id: entry.holds for tenant_id, entry in evidence.ledger.items()},
            right_name="none",
            right=dict.fromkeys(evidence.ledger, 0),
            unit="holds",
        ),
    ]


def within_budget(evidence: Evidence) -> Check:
    breaches = []
    for tenant_id, entry in evidence.ledger.items():
        day, month = evidence.limits[tenant_id]
        windows = [(name, spent, day) for name, spent in entry.days.items()]
        windows += [(name, spent, month) for name, spent in entry.months.items()]
        breaches += [
            f"{tenant_id} spent {spent:,} of {limit:,} {MONEY} in {name}"
            for name, spent, limit in windows
            if spent > limit
        ]
    return Check(promise="no tenant passed its budget", breaches=tuple(breaches))


def flood_stopped(evidence: Evidence) -> Check:
    """The flood was refused at its cap, and nobody else was."""
    breaches = []
    for tenant_id, count in evidence.counts.items():
        if tenant_id in evidence.flooded and not count.refused:
            breaches.append(f"{tenant_id} was never refused")
        if tenant_id not in evidence.flooded and (count.refused or count.failed):
            breaches.append(f"{tenant_id} had {count.refused} calls refused and {count.failed} failed")
    return Check(promise="the flood was stopped at its cap, and the others went on", breaches=tuple(breaches))


def left_out(evidence: Evidence) -> list[str]:
    reasons = []
    if evidence.bill is None:
        reasons.append("what OpenAI served: only the local OpenAI tells its own count")
    elif evidence.bill.others:
        reasons.append(f"{evidence.bill.others} calls that somebody else made on this stack meanwhile")
    failed = sum(count.failed for count in evidence.counts.values())
    if failed:
        reasons.append(f"the agents' receipts: {failed} calls failed, and a call that failed brings none")
    return reasons
