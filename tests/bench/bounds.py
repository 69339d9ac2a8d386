"""What reading and bounding a request costs in CPU and memory where the request means ill."""

import json
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.local.openai_server.tokens import prepare_tables
from tests.fakes.pictures import data_url, png
from tollgate.adapters.tiktoken_counter import REQUEST_COUNTED_MAX, RUN_COUNTED_MAX, TEXT_COUNTED_MAX, TiktokenCounter
from tollgate.domain.chat import ChatRequest
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.json_size import VALUES_MAX
from tollgate.edge.openai_wire import v1_chat

MEGABYTE = 1_000_000
CHANCE = random.Random(1)


def runs(letters: str, between: str = " ") -> str:
    """As much as is counted of one text, in runs as long as are counted."""
    run = (letters * RUN_COUNTED_MAX)[: RUN_COUNTED_MAX - 1]
    return f"{run}{between}" * (TEXT_COUNTED_MAX // RUN_COUNTED_MAX)


def any_of(first: int, last: int) -> str:
    return "".join(chr(CHANCE.randint(first, last)) for _ in range(RUN_COUNTED_MAX))


def said(*texts: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text} for text in texts]}


def with_properties(count: int) -> dict[str, Any]:
    properties = {f"p{number}": {"type": "string"} for number in range(count)}
    return said("x") | {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": properties}}}]
    }


def with_pictures(count: int) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": data_url(png(4000, 3000))}}
    return {"messages": [{"role": "user", "content": [picture] * count}]}


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "1 MB of a": lambda: said("a" * MEGABYTE),
    "1 MB of spaces": lambda: said(" " * MEGABYTE),
    "1 MB of ^": lambda: said("^" * MEGABYTE),
    "1 MB of emoji": lambda: said("😀" * (MEGABYTE // 4)),
    "prose, all that is counted": lambda: said(
        *["The furnace is out. " * 10_000] * (REQUEST_COUNTED_MAX // TEXT_COUNTED_MAX)
    ),
    "runs of a": lambda: said(runs("a")),
    "runs of ^": lambda: said(runs("^")),
    "runs of spaces": lambda: said(runs(" ", between="x")),
    "runs of mixed spaces": lambda: said(runs("\n \t\r", between="x")),
    "runs of any letters": lambda: said(runs(any_of(ord("a"), ord("z")))),
    "runs of any ideographs": lambda: said(runs(any_of(0x4E00, 0x9FFF))),
    "runs of any emoji": lambda: said(runs(any_of(0x1F300, 0x1F9FF))),
    "as many properties as go": lambda: with_properties(VALUES_MAX // 2 - 10),
    "as many lists as go": lambda: (
        said("x") | {"tools": [{"type": "function", "function": [[]] * (VALUES_MAX // 2 - 10)}]}
    ),
    "1,500 pictures": lambda: with_pictures(1_500),
}


def measured(make: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    made = make()
    return made, (time.process_time() - started) * 1000


def bound(text: str) -> ChatRequest:
    chat = v1_chat(text, {}, default_model="gpt-4o")
    assert chat.input_bytes >= 0
    return chat


def refused(text: str) -> None:
    try:
        bound(text)
    except RequestInvalid:
        return
    raise AssertionError("it was let in")


def main() -> None:
    counter = TiktokenCounter()
    with tempfile.TemporaryDirectory() as state:
        prepare_tables(Path(state))
        counter.count(["warm"])
    print("## bounds: CPU time and memory of requests that mean ill\n")
    print(f"{'':28}{'parse, bytes':>14}{'count':>12}{'memory':>10}")
    for name, make in CASES.items():
        body = json.dumps(make())
        chat, parsed_ms = measured(lambda body=body: bound(body))
        _, counted_ms = measured(lambda chat=chat: counter.count(chat.texts))
        tracemalloc.start()
        counter.count(bound(body).texts)
        peak = tracemalloc.get_traced_memory()[1] / MEGABYTE
        tracemalloc.stop()
        print(f"{name:28}{parsed_ms:>11.1f} ms{counted_ms:>9.1f} ms{peak:>7.1f} MB")
    text = json.dumps(said("x") | {"tools": [[]] * 2_000_000})
    print(f"{'2,000,000 lists: refused':28}{measured(lambda: refused(text))[1]:>11.1f} ms")


if __name__ == "__main__":
    main()
