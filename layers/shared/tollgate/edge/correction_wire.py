"""A correction as an admin sends it."""

import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.hold_id import parse_hold_id
from tollgate.domain.money import NanoUsd, from_usd, usd_number
from tollgate.domain.tenant import TenantSettings
from tollgate.edge.cost_wire import TenantId
from tollgate.edge.http import Body
from tollgate.usecases.correct_cost import Corrected, Correction

MOST_USD = 100_000_000


class CorrectionAsked(Body):
    """Either `holdId` and `costUsd`, what its call truly cost, or `amountUsd`, what is missing."""

    tenant_id: TenantId
    correction_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,60}$")]
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
    hold_id: str | None = None
    cost_usd: Annotated[Decimal, Field(ge=0, le=MOST_USD)] | None = None
    amount_usd: Annotated[Decimal, Field(ge=-MOST_USD, le=MOST_USD)] | None = None
    day: date | None = None
    agent: Annotated[str, Field(min_length=1, max_length=64)] | None = None


def correction_of(asked: CorrectionAsked) -> Correction:
    """Raises RequestInvalid."""
    return Correction(
        correction_id=f"c:{asked.correction_id}",
        content_hash=_content_hash(asked),
        reason=asked.reason,
        cost=_cost(asked),
        hold_id=parse_hold_id(asked.hold_id) if asked.hold_id is not None else None,
        day=asked.day,
        agent=asked.agent,
    )


def _cost(asked: CorrectionAsked) -> NanoUsd:
    if asked.hold_id is not None:
        if asked.cost_usd is None or asked.amount_usd is not None or asked.day is not None:
            raise RequestInvalid(
                "A hold is corrected to costUsd; amountUsd and day are for what has none.", param="costUsd"
            )
        return from_usd(asked.cost_usd)
    if asked.amount_usd is None or asked.cost_usd is not None:
        raise RequestInvalid("A correction needs holdId and costUsd, or amountUsd.", param="amountUsd")
    if asked.amount_usd == 0:
        raise RequestInvalid("A correction of nothing corrects nothing.", param="amountUsd")
    return from_usd(asked.amount_usd)


def corrected_view(corrected: Corrected, settings: TenantSettings) -> dict[str, Any]:
    return {
        "tenantId": settings.tenant_id,
        "corrected": corrected.is_new,
        "amountUsd": usd_number(corrected.amount),
    }


def _content_hash(asked: CorrectionAsked) -> str:
    said = asked.model_dump(mode="json", exclude={"tenant_id", "correction_id"}, exclude_none=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
