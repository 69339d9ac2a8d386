"""infra/outcomes.md, row by row."""

import re
from dataclasses import astuple, dataclass
from pathlib import Path

PATH = Path(__file__).parents[2] / "infra" / "outcomes.md"
ROW = re.compile(r"^\| ([^|]+) \| (plain|stream) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Row:
    """`cost`: nothing, its usage, or the hold; `breaker`: what it counts, or `opens`; `answer`: status, and an error's code."""

    fault: str
    request: str
    outcome: str
    cost: str
    breaker: str
    answer: str

    def __str__(self) -> str:
        return f"| {' | '.join(astuple(self))} |"


def rows() -> list[Row]:
    names = ("fault", "request", "outcome", "cost", "breaker", "answer")
    return [Row(**dict(zip(names, row, strict=True))) for row in ROW.findall(PATH.read_text(encoding="utf-8"))]
