"""Answers what `fetch_bill` asks from outside the private network: one message, one deed of BillBooks."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from tollgate.domain.drift_text import kept_record
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.provider_bill_text import cost_of_record, finding_record, question_of_record, usage_of_record
from tollgate.ports import BillBooks


def store_bill(message: Mapping[str, Any], books: BillBooks) -> dict[str, Any]:
    """As `adapters/invoked_bill.py` sends it. Raises RequestInvalid for anything else."""
    try:
        answer = DEEDS[message["op"]]
        return answer(message, datetime.fromisoformat(message["at"]), books)
    except (KeyError, TypeError, ValueError) as error:
        raise RequestInvalid(f"The message makes no sense: {error!r}.") from error


def _begin(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    fetched = books.begin(message["projects"], at)
    return {"fetched": {day.isoformat(): then.isoformat() for day, then in fetched.items()}}


def _add(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    costs = [cost_of_record(record) for record in message["costs"]]
    books.add(costs, [usage_of_record(record) for record in message["usages"]], at)
    return {}


def _close_day(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    books.close_day(date.fromisoformat(message["day"]), at)
    return {}


def _drifting(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    days = books.drifting(date.fromisoformat(message["since"]), at)
    return {"days": [day.isoformat() for day in days]}


def _recent(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    return {"projects": dict(books.recent(datetime.fromisoformat(message["since"]), at))}


def _resolve(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    found = books.resolve(question_of_record(message["question"]), at)
    return {"findings": [finding_record(each) for each in found]}


def _compared(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    day = date.fromisoformat(message["day"])
    compared = books.compare(day, message["tenants"], at, is_ordered=bool(message["ordered"]))
    return {
        "opened": [kept_record(each) for each in compared.opened],
        "closed": [kept_record(each) for each in compared.closed],
        "unsettled": dict(compared.unsettled),
    }


Deed = Callable[[Mapping[str, Any], datetime, BillBooks], dict[str, Any]]
DEEDS: Mapping[str, Deed] = {
    "begin": _begin,
    "add": _add,
    "close_day": _close_day,
    "compare": _compared,
    "drifting": _drifting,
    "recent": _recent,
    "resolve": _resolve,
}
