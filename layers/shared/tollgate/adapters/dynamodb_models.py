"""The ends of models that OpenAI told since the price list was made: one item, read at most every ten minutes by each environment."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from threading import Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.errors import LedgerUnavailable

KEY = {"pk": {"S": "MODELS"}, "sk": {"S": "ENDS"}}
KEPT_SECONDS = 600.0


class DynamoDbModelEnds:
    """In the ledger's table; an item without a span, which its stream's readers pass over."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def read(self) -> Mapping[str, date | None]:
        """Empty where nothing was stored. Raises LedgerUnavailable."""
        try:
            item = self._client.get_item(TableName=self._table, Key=KEY).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise LedgerUnavailable("The ends of models cannot be read now.") from error
        told = json.loads(item["ends"]["S"]) if item else {}
        return {name: date.fromisoformat(day) if day else None for name, day in told.items()}

    def write(self, ends: Mapping[str, date | None], at: datetime) -> None:
        """Raises LedgerUnavailable."""
        text = json.dumps({name: day.isoformat() if day else None for name, day in sorted(ends.items())})
        item = KEY | {"ends": {"S": text}, "checked_at": {"S": at.isoformat(timespec="seconds")}}
        try:
            self._client.put_item(TableName=self._table, Item=item)
        except (ClientError, BotoCoreError) as error:
            raise LedgerUnavailable("The ends of models cannot be stored now.") from error


class KeptEnds:
    """What was read last, at once: a reading runs beside the call that finds it old, so that no call ever waits for one."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, date | None]],
        *,
        clock: Callable[[], float] = time.monotonic,
        beside: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._read = read
        self._clock = clock
        self._beside = beside or _in_a_thread
        self._kept: Mapping[str, date | None] = {}
        self._due = clock()

    def __call__(self) -> Mapping[str, date | None]:
        now = self._clock()
        if now >= self._due:
            self._due = now + KEPT_SECONDS
            self._beside(self._refresh)
        return self._kept

    def _refresh(self) -> None:
        try:
            self._kept = self._read()
        except (LedgerUnavailable, ValueError, KeyError, AttributeError):
            # The price list has days of its own: what was known stays until the next reading.
            return


def _in_a_thread(work: Callable[[], None]) -> None:
    Thread(target=work, name="model-ends", daemon=True).start()
