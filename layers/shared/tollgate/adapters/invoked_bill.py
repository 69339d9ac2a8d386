"""BillBooks behind another function: the messages of `usecases/store_bill.py`, each a synchronous invoke."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.drift_text import kept_of_record
from tollgate.domain.errors import BillStoreFailed
from tollgate.domain.provider_bill import ProviderCost, ProviderUsage
from tollgate.domain.provider_bill_text import cost_record, finding_of_record, question_record, usage_record
from tollgate.domain.unsettled_call import Finding, Question
from tollgate.ports import Compared

# Within the time that `fetch_bill` keeps back. A second try would find the first still at work, and the next run repeats all.
CONFIG = Config(connect_timeout=2, read_timeout=28, retries={"total_max_attempts": 1})

Invoke = Callable[[bytes], bytes]


class InvokedBillBooks:
    """`invoke` carries one JSON message there and its JSON answer back, or raises BillStoreFailed."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def begin(self, projects: Mapping[str, str | None], at: datetime) -> Mapping[date, datetime]:
        fetched = self._send("begin", at, projects=dict(projects))["fetched"]
        return {date.fromisoformat(day): datetime.fromisoformat(then) for day, then in fetched.items()}

    def add(self, costs: Sequence[ProviderCost], usages: Sequence[ProviderUsage], at: datetime) -> None:
        self._send(
            "add", at, costs=[cost_record(each) for each in costs], usages=[usage_record(each) for each in usages]
        )

    def close_day(self, day: date, at: datetime) -> None:
        self._send("close_day", at, day=day.isoformat())

    def compare(self, day: date, tenants: Sequence[str], at: datetime, *, is_ordered: bool) -> Compared:
        told = self._send("compare", at, day=day.isoformat(), tenants=list(tenants), ordered=is_ordered)
        return Compared(
            opened=[kept_of_record(each) for each in told["opened"]],
            closed=[kept_of_record(each) for each in told["closed"]],
            unsettled=told["unsettled"],
        )

    def drifting(self, since: date, at: datetime) -> Sequence[date]:
        days = self._send("drifting", at, since=since.isoformat())["days"]
        return [date.fromisoformat(day) for day in days]

    def recent(self, since: datetime, at: datetime) -> Mapping[str, str]:
        projects: dict[str, str] = self._send("recent", at, since=since.isoformat())["projects"]
        return projects

    def resolve(self, question: Question, at: datetime) -> Sequence[Finding]:
        told = self._send("resolve", at, question=question_record(question))
        return [finding_of_record(each) for each in told["findings"]]

    def _send(self, operation: str, at: datetime, **facts: Any) -> dict[str, Any]:
        message = {"op": operation, "at": at.isoformat(), **facts}
        answer: dict[str, Any] = json.loads(self._invoke(json.dumps(message, separators=(",", ":")).encode()))
        return answer


def lambda_invoke(function_name: str) -> Invoke:
    client = boto3.client("lambda", config=CONFIG)

    def invoke(message: bytes) -> bytes:
        try:
            answer = client.invoke(FunctionName=function_name, InvocationType="RequestResponse", Payload=message)
            body: bytes = answer["Payload"].read()
        except (ClientError, BotoCoreError) as error:
            raise BillStoreFailed(f"The function that stores the bill gives no answer: {error}") from error
        if answer.get("FunctionError"):
            raise BillStoreFailed(f"The function that stores the bill failed: {body[:500].decode(errors='replace')}")
        return body

    return invoke
