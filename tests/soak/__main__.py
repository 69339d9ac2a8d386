"""python -m tests.soak [--list] [name [options of its own]]; without a name every soak runs, each as it is meant to."""

import importlib
import signal
import sys
from types import FrameType

# Name -> a module with `main(words: list[str]) -> int`, which is 0 where every promise was kept, and whose docstring says what it does.
SOAKS = {
    "race": "tests.soak.race.command",
    "faults": "tests.soak.faults",
    "breaker": "tests.soak.breaker",
    "histories": "tests.soak.histories",
    "spans": "tests.soak.spans",
    "sync": "tests.soak.sync",
}


def main(words: list[str]) -> int:
    if words == ["--list"]:
        for name, path in SOAKS.items():
            print(f"{name:<8} {(importlib.import_module(path).__doc__ or '').splitlines()[0]}")
        return 0
    if not words:
        return max([run(name, []) for name in SOAKS])
    if words[0] not in SOAKS:
        print(f"There is no soak {words[0]!r}. There are: {', '.join(SOAKS)}.", file=sys.stderr)
        return 2
    return run(words[0], words[1:])


def run(name: str, words: list[str]) -> int:
    code: int = importlib.import_module(SOAKS[name]).main(words)
    return code


def interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # Whatever ends us, the servers that a soak started are ended too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    sys.exit(main(sys.argv[1:]))
