"""Governed calls by the real handler, in an interpreter that has its layers and nothing else: `python call_probe.py <folder of the
function> <event as JSON> <calls>`. Its last line is JSON: of each call, microseconds of CPU by part."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from itertools import count
from types import SimpleNamespace
from typing import Any

# Imports, clients, connections, caches.
WARM_UP = 5
REST = "edge: Powertools, routing, logs"


class Meter:
    """Whose CPU time it is: a part's own is what it takes without the parts inside it."""

    def __init__(self) -> None:
        self.spent_ns: Counter[str] = Counter()
        self._inside = [REST]
        self._since = 0

    def measure(self, run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
        self.spent_ns.clear()
        self._since = time.process_time_ns()
        found = run()
        self._book()
        return found, {part: spent / 1000 for part, spent in self.spent_ns.items()}

    def part(self, owner: Any, name: str, part: str) -> None:
        """Every call of `owner`'s `name` counts for `part` from now on."""
        whole = getattr(owner, name)

        @wraps(whole)
        def counted(*args: Any, **named: Any) -> Any:
            self._book()
            self._inside.append(part)
            try:
                return whole(*args, **named)
            finally:
                self._book()
                self._inside.pop()

        setattr(owner, name, counted)

    def _book(self) -> None:
        now = time.process_time_ns()
        self.spent_ns[self._inside[-1]] += now - self._since
        self._since = now


def main(folder: str, event: str, calls: str) -> None:
    sys.path.append(folder)
    import handler

    numbers = count()
    context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 40_000)
    meter = Meter()

    def call() -> Any:
        asked = json.loads(event.replace("<number>", str(next(numbers))))
        answer, spent = meter.measure(lambda: handler.handle(asked, context))
        assert answer["statusCode"] == 200, answer
        return spent

    for _ in range(WARM_UP):
        call()
    _take_apart(meter, handler)
    print(f"\n{json.dumps([call() for _ in range(int(calls))])}")


def _take_apart(meter: Meter, handler: Any) -> None:
    from tollgate import wiring
    from tollgate.adapters.openai_upstream import OpenAiUpstream
    from tollgate.adapters.price_book import FilePriceBook
    from tollgate.usecases import complete_chat

    client = wiring.dynamodb()
    for owner, name, part in (
        (handler, "v1_chat", "parse"),
        (handler, "settings_for", "parse: the account"),
        (complete_chat, "chat_menu", "bound"),
        (FilePriceBook, "price_of", "price"),
        (FilePriceBook, "model_of", "price"),
        (FilePriceBook, "in_place_of", "price"),
        (complete_chat, "guard_call", "breakers"),
        (complete_chat, "take_hold", "hold: ours"),
        (complete_chat, "settle", "settle: ours"),
        (complete_chat, "span_of", "settle: ours"),
        (client, "update_item", "hold and settle: the DynamoDB client"),
        (OpenAiUpstream, "complete", "upstream client"),
        (handler, "chat_headers", "render"),
        (handler, "reply", "render"),
    ):
        meter.part(owner, name, part)


if __name__ == "__main__":
    main(*sys.argv[1:])
