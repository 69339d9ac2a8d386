"""A record as a client sends it, priced by our book."""

from collections.abc import Mapping
from datetime import datetime

from tollgate.adapters.openai_usage import usage_of
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.hold_id import HoldId, parse_check_id
from tollgate.domain.money import NanoUsd, from_usd
from tollgate.domain.price import cost_of
from tollgate.domain.usage import Usage
from tollgate.edge.cost_wire import RecordAsked, attribution_of, content_hash, outcome_of
from tollgate.ports import PriceBook
from tollgate.usecases.record_cost import Spent


def spent_of(
    asked: RecordAsked, headers: Mapping[str, str], prices: PriceBook, *, request_id: str, now: datetime
) -> Spent:
    """Raises RequestInvalid and ModelNotPriced."""
    hold_id = parse_check_id(asked.hold_id) if asked.hold_id is not None else None
    cost, usage = _cost(asked, prices, now)
    return Spent(
        record_id=_record_id(asked, hold_id, headers),
        content_hash=content_hash(asked),
        hold_id=hold_id,
        cost=cost,
        usage=usage,
        model=asked.model,
        outcome=outcome_of(asked),
        attribution=attribution_of(asked.metadata, headers),
        request_id=request_id,
    )


def _cost(asked: RecordAsked, prices: PriceBook, now: datetime) -> tuple[NanoUsd, Usage]:
    """A model call is priced by its usage; `costUsd` is for what is not one."""
    if asked.usage is not None:
        if asked.model is None or asked.cost_usd is not None:
            raise RequestInvalid("usage goes with model and without costUsd: prices come from our book.", param="usage")
        usage = _usage(asked.usage)
        return cost_of(usage, prices.price_of_spent(asked.model, asked.occurred_at or now)), usage
    if asked.cost_usd is None:
        raise RequestInvalid("A record needs model and usage, or costUsd for what is not a model call.", param="usage")
    if asked.model is not None:
        raise RequestInvalid("A model call is recorded by its usage, not by costUsd.", param="costUsd")
    return from_usd(asked.cost_usd), Usage()


def _usage(usage: Mapping[str, object]) -> Usage:
    try:
        return usage_of(usage)
    except (KeyError, TypeError, ValueError) as error:
        raise RequestInvalid(
            "usage must be OpenAI's usage object, such as the one of the answer that was billed.", param="usage"
        ) from error


def _record_id(asked: RecordAsked, hold_id: HoldId | None, headers: Mapping[str, str]) -> str:
    if hold_id is not None:
        return str(hold_id)
    given = asked.record_id or {name.lower(): value for name, value in headers.items()}.get("idempotency-key")
    if not given:
        raise RequestInvalid(
            "A record without holdId needs recordId or the header Idempotency-Key, so that it counts once.",
            param="recordId",
        )
    if len(given) > 64 or not given.isprintable() or not given.isascii():
        raise RequestInvalid("recordId has at most 64 printable ASCII characters.", param="recordId")
    return f"r:{given}"
