"""The figures of all runs, one column for each."""

from collections.abc import Callable, Sequence

from tests.soak.race.books import Outcome

Row = tuple[str, Callable[[Outcome], str]]


def _count(name: str) -> Callable[[Outcome], str]:
    return lambda outcome: f"{outcome.figures[name]:,}"


def _refused(outcome: Outcome) -> str:
    return f"{sum(number for name, number in outcome.figures.items() if name.startswith('refused: ')):,}"


REASONS = ("daily_budget", "monthly_budget", "token_budget", "agent_budget", "in_flight", "rate", "suspended")
SEED: Row = ("seed", lambda outcome: str(outcome.seed))
SECONDS: Row = ("seconds", lambda outcome: f"{outcome.seconds:.1f}")
BROKEN: Row = ("broken promises", lambda outcome: str(len(outcome.broken)))
CALLS: Sequence[Row] = (
    ("processes", _count("processes")),
    ("tenants", _count("tenants")),
    ("calls", _count("calls")),
    ("accepted", _count("accepted")),
    ("  left exactly nothing", _count("exact")),
    ("  for the cheaper model", _count("downgraded")),
    ("refused", _refused),
    *((f"  {reason}", _count(f"refused: {reason}")) for reason in REASONS),
    ("ledger unavailable (503)", _count("unavailable")),
    ("changes of settings", _count("changes")),
)
BOOKS: Sequence[Row] = (
    ("versions of pages read", _count("writes")),
    ("upstream's bill, nano-dollars", _count("billed")),
    ("sum of the spans", _count("booked")),
    ("spent on the pages", _count("spent")),
    ("holds let in over a limit", _count("over")),
)
DIRECT: Sequence[Row] = (
    SEED,
    *CALLS,
    ("  of so many kinds", lambda outcome: str(sum(name.startswith("changed: ") for name in outcome.figures))),
    ("holds by settings just gone", _count("stale")),
    ("records, sent once or twice", _count("records")),
    ("sweeps", _count("sweeps")),
    ("lapsed", _count("posted: lapse")),
    ("expired", _count("posted: expire")),
    ("settled late", _count("posted: late")),
    ("cancelled", _count("posted: cancel")),
    ("closings beaten by another", _count("beaten")),
    ("tries without an answer", _count("unanswered")),
    ("pages", _count("pages")),
    *BOOKS,
    ("limit of the day", _count("limit")),
    BROKEN,
    SECONDS,
)
THROUGH_THE_API: Sequence[Row] = (SEED, *CALLS, *BOOKS, BROKEN, SECONDS)


def table(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> str:
    lines = [["", *(outcome.name for outcome in outcomes)]]
    lines += [[title, *(cell(outcome) for outcome in outcomes)] for title, cell in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(_padded(line, widths)) for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *rest = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
