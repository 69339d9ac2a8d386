"""Compares the provider's figures with the spans, where Postgres is: the inner half of `fetch_bill`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from tollgate.domain.drift import OF_THE_BILL, Drift, Subject
from tollgate.domain.money import NanoUsd
from tollgate.domain.provider_bill import (
    EVERYONE,
    BilledDay,
    ProviderCost,
    ProviderUsage,
    SpanDay,
    compare,
)
from tollgate.domain.unsettled_call import SLACK, CostOf, Finding, Knowledge, KnownCall, Question, findings
from tollgate.domain.usage import NO_USAGE
from tollgate.ports import BillStore, Compared, DriftBook, OwnProject
from tollgate.usecases.note_drifts import note_drifts

NOTHING_BILLED = BilledDay(cost=NanoUsd(0), requests=0, tokens=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBillBooks:
    """BillBooks. `shared_project`: whose key those tenants' calls are made with that have no project of their own; empty where nobody
    said, then all spans are compared with all that was billed. `cost_of`, `named`: by the price list; `named` gives the one name that
    a model's dated names go by."""

    store: BillStore
    drifts: DriftBook
    shared_project: str
    cost_of: CostOf
    named: Callable[[str], str]

    def begin(self, projects: Mapping[str, str | None], at: datetime) -> Mapping[date, datetime]:
        self.store.note_projects({tenant: project for tenant, project in projects.items() if project}, at)
        return self.store.fetched_days()

    def add(self, costs: Sequence[ProviderCost], usages: Sequence[ProviderUsage], at: datetime) -> None:
        if costs:
            self.store.add_costs(costs, at)
        if usages:
            self.store.add_usage(usages, at)

    def close_day(self, day: date, at: datetime) -> None:
        self.store.close_day(day, at)

    def compare(self, day: date, tenants: Sequence[str], at: datetime, *, is_ordered: bool) -> Compared:
        owned = self.store.projects_of(day)
        own = {each.tenant_id: each.project for each in owned if each.is_whole or is_ordered}
        spans, billed = self.store.span_days(sorted({*tenants, *own}), day), self.store.billed(day)
        pairs = [(spans[tenant], billed.get(project, NOTHING_BILLED)) for tenant, project in own.items()]
        pairs += self._of_everyone(spans, billed, owned, day)
        seen = [drift for ours, theirs in pairs for drift in compare(ours, theirs)]
        compared = {None if ours.tenant_id == EVERYONE else ours.tenant_id for ours, _ in pairs}
        return self._noted(seen, compared, day, at, _unsettled(spans, own))

    def drifting(self, since: date, at: datetime) -> Sequence[date]:
        days = {kept.drift.subject.day for kept in self.drifts.open(OF_THE_BILL)}
        return sorted(day for day in days if day is not None and since <= day <= at.date())

    def recent(self, since: datetime, at: datetime) -> Mapping[str, str]:
        return self.store.recent(since, at)

    def resolve(self, question: Question, at: datetime) -> Sequence[Finding]:
        tenant_id, start, end = question.tenant_id, question.start, question.end
        if self.store.has_gaps(tenant_id, start, end, question.postings):
            # A lost span, or one that is on its way, may be of the very call that a request is left for.
            return []
        around = [*self.store.calls(tenant_id, start - SLACK, end + SLACK), *_running(question)]
        calls = [replace(call, model=self.named(call.model)) for call in around]
        if not any(call.knowledge is Knowledge.OPEN for call in calls):
            return []
        told = self.store.minutes(question.project, start, end, at=at)
        minutes = [replace(bucket, model=self.named(bucket.model)) for bucket in told]
        found = findings(calls, minutes, start=start, end=end, cost_of=self.cost_of)
        # What is not in figures that still grow proves nothing; what is in them does.
        sure = [finding for finding in found if question.is_settled or finding.usage != NO_USAGE]
        if sure:
            self.store.keep_findings(tenant_id, sure, at)
        return sure

    def _of_everyone(
        self, spans: Mapping[str, SpanDay], billed: Mapping[str, BilledDay], owned: Sequence[OwnProject], day: date
    ) -> list[tuple[SpanDay, BilledDay]]:
        if not self.shared_project:
            return [(sum_spans(list(spans.values()), day), sum_billed(list(billed.values())))]
        if any(not each.is_whole for each in owned):
            # A tenant that changed its project on this day has calls on both bills.
            return []
        theirs = {each.tenant_id for each in owned}
        rest = [each for tenant, each in spans.items() if tenant not in theirs]
        return [(sum_spans(rest, day), billed.get(self.shared_project, NOTHING_BILLED))]

    def _noted(
        self, seen: Sequence[Drift], compared: set[str | None], day: date, at: datetime, unsettled: Mapping[str, str]
    ) -> Compared:
        def was_compared(subject: Subject) -> bool:
            return subject.day == day and subject.tenant_id in compared

        news = note_drifts(seen, self.drifts, kinds=OF_THE_BILL, was_compared=was_compared, at=at)
        return Compared(opened=news.opened, closed=news.closed, unsettled=unsettled)


def _running(question: Question) -> Iterator[KnownCall]:
    """They may have been counted already."""
    for number, (model, began) in enumerate(question.in_flight):
        yield KnownCall(
            hold=f"in flight {number}", model=model, began=began, ended=question.end, knowledge=Knowledge.DOUBTFUL
        )


def sum_spans(spans: Sequence[SpanDay], day: date) -> SpanDay:
    return SpanDay(
        tenant_id=EVERYONE,
        day=day,
        cost=NanoUsd(sum(each.cost for each in spans)),
        calls=sum(each.calls for each in spans),
        tokens=sum(each.tokens for each in spans),
        straddling_cost=NanoUsd(sum(each.straddling_cost for each in spans)),
        straddling_tokens=sum(each.straddling_tokens for each in spans),
        unsettled=NanoUsd(sum(each.unsettled for each in spans)),
        unsettled_calls=sum(each.unsettled_calls for each in spans),
    )


def sum_billed(billed: Sequence[BilledDay]) -> BilledDay:
    return BilledDay(
        cost=NanoUsd(sum(each.cost for each in billed)),
        requests=sum(each.requests for each in billed),
        tokens=sum(each.tokens for each in billed),
    )


def _unsettled(spans: Mapping[str, SpanDay], own: Mapping[str, str]) -> Mapping[str, str]:
    return {tenant: project for tenant, project in own.items() if spans[tenant].unsettled_calls}
