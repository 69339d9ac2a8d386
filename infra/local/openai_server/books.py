"""Everything that was billed, in order, each once, in a file that is only ever added to."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.openai_server.bill import Bill, Outcome
from infra.local.openai_server.fields import Json
from infra.local.openai_server.meter import Meter

Sums = dict[tuple[str, str, str], dict[str, int]]


class Books:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._ends = [0]
        self.meter = Meter()
        self._sums: Sums = defaultdict(lambda: defaultdict(int))
        self._read(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def enter(self, bill: Bill, outcome: Outcome) -> None:
        line = bill.line(len(self) + 1, outcome)
        # One write for one line, straight to the system, so that killing this process loses none that was answered.
        os.write(self._file, line)
        self._ends.append(self._ends[-1] + len(line))
        self._add(json.loads(line))

    def since(self, n: int) -> bytes:
        """The entries after the nth, as JSON."""
        start = self._ends[min(max(n, 0), len(self))]
        lines = os.pread(self._file, self._ends[-1] - start, start).rstrip(b"\n").replace(b"\n", b",")
        return b'{"count":%d,"served":[%b]}' % (len(self), lines)

    def usage(self) -> list[Json]:
        return [
            {"model": model, "serviceTier": tier, "endpoint": endpoint, **sums}
            for (model, tier, endpoint), sums in sorted(self._sums.items())
        ]

    def _read(self, path: Path) -> None:
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                entry = json.loads(line)
                self._ends.append(self._ends[-1] + len(line))
                self._add(entry)
        # A line that was torn by a crash of the machine was never answered.
        os.ftruncate(self._file, self._ends[-1])

    def _add(self, entry: Json) -> None:
        self.meter.count(entry)
        sums = self._sums[entry["model"], entry["serviceTier"], entry["endpoint"]]
        sums["requests"] += 1
        for name, number in entry["tokens"].items():
            sums[name] += number
