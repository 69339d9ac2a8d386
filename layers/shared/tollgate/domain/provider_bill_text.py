"""The provider's figures as JSON, between the function that fetches them and the one that has Postgres."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tollgate.domain.money import NanoUsd
from tollgate.domain.provider_bill import ProviderCost, ProviderUsage, Width
from tollgate.domain.unsettled_call import Finding, Knowledge, KnownCall, Question
from tollgate.domain.usage import Usage

CLASSES = ("uncached", "cached", "written", "output")


def cost_record(cost: ProviderCost) -> list[Any]:
    return [cost.day.isoformat(), cost.project, cost.line_item, cost.cost]


def cost_of_record(record: list[Any]) -> ProviderCost:
    """Raises ValueError, TypeError."""
    day, project, line_item, cost = record
    return ProviderCost(day=date.fromisoformat(day), project=project, line_item=line_item, cost=NanoUsd(int(cost)))


def usage_record(each: ProviderUsage) -> list[Any]:
    facts = [
        each.start.isoformat(),
        each.width.value,
        each.endpoint,
        each.project,
        each.model,
        each.tier,
        each.requests,
    ]
    return [*facts, *tokens_of(each.usage)]


def usage_of_record(record: list[Any]) -> ProviderUsage:
    """Raises ValueError, TypeError."""
    start, width, endpoint, project, model, tier, requests, *tokens = record
    return ProviderUsage(
        start=datetime.fromisoformat(start),
        width=Width(width),
        endpoint=endpoint,
        project=project,
        model=model,
        tier=tier,
        requests=requests,
        usage=usage_of_tokens(tokens),
    )


def finding_record(finding: Finding) -> dict[str, Any]:
    call = finding.call
    return {
        "hold": call.hold,
        "model": call.model,
        "began": call.began.isoformat(),
        "ended": call.ended.isoformat(),
        "bookedNanousd": call.booked,
        "costNanousd": finding.cost,
        "tokens": tokens_of(finding.usage),
        "reason": finding.reason,
    }


def finding_of_record(record: Mapping[str, Any]) -> Finding:
    """Raises ValueError, KeyError, TypeError."""
    call = KnownCall(
        hold=record["hold"],
        model=record["model"],
        began=datetime.fromisoformat(record["began"]),
        ended=datetime.fromisoformat(record["ended"]),
        knowledge=Knowledge.OPEN,
        booked=NanoUsd(record["bookedNanousd"]),
    )
    cost, usage = NanoUsd(record["costNanousd"]), usage_of_tokens(record["tokens"])
    return Finding(call=call, cost=cost, usage=usage, reason=record["reason"])


def question_record(question: Question) -> dict[str, Any]:
    return {
        "tenant": question.tenant_id,
        "project": question.project,
        "start": question.start.isoformat(),
        "end": question.end.isoformat(),
        "settled": question.is_settled,
        "postings": dict(question.postings),
        "inFlight": [[model, began.isoformat()] for model, began in question.in_flight],
    }


def question_of_record(record: Mapping[str, Any]) -> Question:
    """Raises ValueError, KeyError, TypeError."""
    return Question(
        tenant_id=record["tenant"],
        project=record["project"],
        start=datetime.fromisoformat(record["start"]),
        end=datetime.fromisoformat(record["end"]),
        is_settled=bool(record["settled"]),
        postings=record["postings"],
        in_flight=tuple((model, datetime.fromisoformat(began)) for model, began in record["inFlight"]),
    )


def tokens_of(usage: Usage) -> list[int]:
    return [getattr(usage, name) for name in CLASSES]


def usage_of_tokens(tokens: list[int]) -> Usage:
    return Usage(**dict(zip(CLASSES, tokens, strict=True)))
