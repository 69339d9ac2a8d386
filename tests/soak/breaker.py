"""The upstream dies for a while under load: how many calls reach it meanwhile, and how soon it is back in use.

    python -m tests.soak.breaker [--rate 20] [--before 10] [--dead 30] [--after 30] [--fault error_500]

on a stack of its own, with the settings of the environment. Callers want the model that they name (`x-tollgate-downgrade: never`).
"""

import argparse
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.system.own_stack import own_stack
from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant

MODEL = "gpt-4o"
WORDS = "Is anybody free on Tuesday?"
NEVER = {"x-tollgate-downgrade": "never"}


@dataclass(slots=True)
class Seen:
    """(when it was sent, in seconds; status, or 0 where the connection broke) of every call."""

    calls: list[tuple[float, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, at: float, status: int) -> None:
        with self.lock:
            self.calls.append((at, status))

    def between(self, begin: float, end: float) -> Counter[int]:
        return Counter(status for at, status in self.calls if begin <= at < end)


def main(argv: Sequence[str] | None = None) -> int:
    """0 where the breaker did its work: most calls of the dead time were kept from the upstream, and it was in use again after."""
    options = _options(argv)
    with own_stack(Path(tempfile.mkdtemp(prefix="tollgate-soak-"))) as stack:
        return _storm(stack, options)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.soak.breaker", description=__doc__)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--before", type=float, default=10)
    parser.add_argument("--dead", type=float, default=30)
    parser.add_argument("--after", type=float, default=30)
    parser.add_argument("--fault", default="error_500")
    return parser.parse_args(argv)


def _storm(stack: Stack, options: argparse.Namespace) -> int:
    shop = new_tenant(Tollgate(stack, stack.admin_key), stack, dailyBudgetUsd=90, requestsPerMinute=100_000)
    seen, total = Seen(), options.before + options.dead + options.after
    with httpx.Client(base_url=stack.openai_base_url.removesuffix("/v1"), timeout=30) as control:
        # Calls that take a while are in flight together, so several environments serve them.
        control.post("/_local/behaviour", json={"latencySeconds": 0.2, "outputTokens": 5})
        _warm(shop)
        began = time.monotonic()
        with ThreadPoolExecutor(64) as callers:
            dead = callers.submit(_die, control, options, began)
            for number in range(int(total * options.rate)):
                time.sleep(max(0.0, began + number / options.rate - time.monotonic()))
                callers.submit(_call, shop, seen, began)
            reached = dead.result()
    return _tell(options, seen, reached, len(stack.workers("CreateChatCompletion")), shop)


def _warm(shop: Tenant) -> None:
    with ThreadPoolExecutor(8) as callers:
        for answer in callers.map(lambda _: shop.chat(WORDS, max_tokens=5), range(32)):
            answer.raise_for_status()


def _die(control: httpx.Client, options: argparse.Namespace, began: float) -> int:
    """How many requests reached the dead upstream."""
    time.sleep(max(0.0, began + options.before - time.monotonic()))
    fault: dict[str, Any] = {"kind": options.fault, "times": None, "match": {"model": MODEL}}
    control.post("/_local/faults", json=fault)
    time.sleep(max(0.0, began + options.before + options.dead - time.monotonic()))
    hits = control.get("/_local/faults").json()["faults"][0]["hits"]
    control.delete("/_local/faults")
    return int(hits)


def _call(shop: Tenant, seen: Seen, began: float) -> None:
    at = time.monotonic() - began
    body = {"model": MODEL, "messages": [{"role": "user", "content": WORDS}], "max_tokens": 5}
    try:
        seen.add(at, shop.api.post("/v1/chat/completions", body, **NEVER).status_code)
    except httpx.HTTPError:
        seen.add(at, 0)


def _tell(options: argparse.Namespace, seen: Seen, reached: int, workers: int, shop: Tenant) -> int:
    dead_from, dead_to = options.before, options.before + options.dead
    dead, after = seen.between(dead_from, dead_to), seen.between(dead_to, float("inf"))
    back = [at for at, status in sorted(seen.calls) if at >= dead_to and status == 200]
    print(f"environments: {workers}; before: {dict(seen.between(0, dead_from))}")
    print(f"while dead: {reached} requests reached the upstream; answers: {dict(dead)} (503: kept from the upstream)")
    print(f"after: {dict(after)}; first answer {back[0] - dead_to:.1f} s after it was alive" if back else "never back")
    print(f"held at the end: {shop.budget()['daily']['heldUsd']} USD")
    return 0 if back and dead[503] > sum(dead.values()) * 0.8 else 1


if __name__ == "__main__":
    raise SystemExit(main())
