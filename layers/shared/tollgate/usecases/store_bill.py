"""Answers what `fetch_bill` asks from outside the private network: one message, one deed of BillBooks."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tollgate.domain.drift_text import kept_record
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.provider_bill_text import cost_of_record, finding_record, question_of_record, usage_of_record
from tollgate.ports import BillBooks


def store_bill(message: Mapping[str, Any], books: BillBooks) -> dict[str, Any]:
    """As `adapters/invoked_bill.py` sends it. Raises RequestInvalid for anything else."""
    try:
        at = datetime.fromisoformat(message["at"])
        match message["op"]:
            case "begin":
                fetched = books.begin(message["projects"], at)
                return {"fetched": {day.isoformat(): then.isoformat() for day, then in fetched.items()}}
            case "add":
                costs = [cost_of_record(record) for record in message["costs"]]
                books.add(costs, [usage_of_record(record) for record in message["usages"]], at)
                return {}
            case "close_day":
                books.close_day(date.fromisoformat(message["day"]), at)
                return {}
            case "compare":
                return _compared(message, at, books)
            case "recent":
                return {"projects": dict(books.recent(datetime.fromisoformat(message["since"]), at))}
            case "resolve":
                found = books.resolve(question_of_record(message["question"]), at)
                return {"findings": [finding_record(each) for each in found]}
            case op:
                raise RequestInvalid(f"There is no operation {op!r}.")
    except (KeyError, TypeError, ValueError) as error:
        raise RequestInvalid(f"The message makes no sense: {error!r}.") from error


def _compared(message: Mapping[str, Any], at: datetime, books: BillBooks) -> dict[str, Any]:
    day = date.fromisoformat(message["day"])
    compared = books.compare(day, message["tenants"], at, is_ordered=bool(message["ordered"]))
    return {
        "opened": [kept_record(each) for each in compared.opened],
        "closed": [kept_record(each) for each in compared.closed],
        "unsettled": dict(compared.unsettled),
    }
