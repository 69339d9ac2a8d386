"""Alerts as events on EventBridge, beside the log line and the metric: a rule can take them to a chat, a pager or a queue.

Not from inside the VPC, where EventBridge has no address: who finds something there says so to a function outside.
"""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tollgate.observability import logger
from tollgate.ports import Alerts

SOURCE = "tollgate"
CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


class EventBridgeAlerts:
    """`beside`: told first, always. An event that the bus does not take is logged, and fails nobody's work."""

    def __init__(self, client: Any, bus: str, beside: Alerts) -> None:
        self._client = client
        self._bus = bus
        self._beside = beside

    def tell(self, event: str, facts: Mapping[str, object]) -> None:
        self._beside.tell(event, facts)
        entry = {"Source": SOURCE, "DetailType": event, "Detail": json.dumps(facts), "EventBusName": self._bus}
        try:
            answer = self._client.put_events(Entries=[entry])
        except (ClientError, BotoCoreError) as error:
            logger.error("an alert was not sent", extra={"alert": event, "why": str(error)})
            return
        if answer["FailedEntryCount"]:
            logger.error("an alert was not sent", extra={"alert": event, "why": answer["Entries"][0]})


def events_client() -> Any:
    return boto3.client("events", config=CONFIG)
