"""How wrong the forecast is on made histories, beside the straight line: the month's end, and the day on which the budget runs out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import exp
from random import Random
from statistics import mean

from tests.bench.table import table
from tollgate.domain.forecast import HISTORY, Forecast, forecast, linear_forecast
from tollgate.domain.money import NanoUsd
from tollgate.domain.window import ZoneFrom

UTC_ONLY = (ZoneFrom(month="1970-01", zone="UTC"),)
USD = 1_000_000_000
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
DAY = timedelta(days=1)
ASKED_ON = (4, 8, 15, 21, 26)
SEEDS = 40
# Of the true month: it runs out in the last third.
BUDGET = 0.8


def office(day: date) -> float:
    return (140, 140, 140, 140, 140, 30, 8)[day.weekday()]


def flood(day: date, *, last: date) -> float:
    """Eight times as much from the 18th on."""
    return 8 if date(2026, 11, 18) <= day <= last else 1


HISTORIES: dict[str, Callable[[date], float]] = {
    "flat": lambda _: 100,
    "weekly rhythm": office,
    "flood of three days": lambda day: 100 * flood(day, last=date(2026, 11, 20)),
    "rhythm and flood": lambda day: office(day) * flood(day, last=date(2026, 11, 20)),
    "flood that stays": lambda day: 100 * flood(day, last=LAST),
    "new on the 3rd": lambda day: office(day) if day >= date(2026, 11, 3) else 0,
    "2% more each day": lambda day: 100 * exp(0.02 * (day - FIRST).days),
    "thrice since the 1st": lambda day: 300 if day >= FIRST else 100,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """`end`: of the month's end, relative; `days`: of the day on which the budget runs out."""

    end: float
    days: float


def made(history: Callable[[date], float], seed: int) -> dict[date, NanoUsd]:
    """Eight weeks and a month; a day differs from its usual by about 15%."""
    random, start = Random(seed), FIRST - HISTORY
    days = [start + number * DAY for number in range((LAST - start).days + 1)]
    return {day: NanoUsd(int(history(day) * random.lognormvariate(0, 0.15) * USD)) for day in days}


def errors(days: dict[date, NanoUsd], asked_on: int) -> tuple[Errors, Errors]:
    """Of the straight line, and of the forecast, asked at the first instant of a day."""
    now, today = datetime(2026, 11, asked_on, tzinfo=UTC), date(2026, 11, asked_on)
    truth = sum(cost for day, cost in days.items() if day >= FIRST)
    limit = NanoUsd(int(truth * BUDGET))
    spent = NanoUsd(sum(cost for day, cost in days.items() if FIRST <= day < today))
    gone, ran_out = 0, LAST
    for day in (day for day in days if day >= FIRST):
        gone += days[day]
        if gone >= limit:
            ran_out = day
            break
    known = {day: cost for day, cost in days.items() if day < today}
    found = (
        linear_forecast(spent=spent, limit=limit, zones=UTC_ONLY, now=now),
        forecast(days=known, limit=limit, zones=UTC_ONLY, now=now),
    )
    straight, weekly = (_errors(each, truth, max(ran_out, today)) for each in found)
    return straight, weekly


def _errors(found: Forecast, truth: int, ran_out: date) -> Errors:
    # One that never comes counts as the day after the month.
    told = found.exhausted_on or LAST + DAY
    return Errors(end=abs(found.month_end - truth) / truth, days=abs((told - ran_out).days))


def report(*, seeds: int = SEEDS, asked_on: tuple[int, ...] = ASKED_ON) -> list[str]:
    rows = []
    for name, history in HISTORIES.items():
        cells = []
        for day in asked_on:
            straight, weekly = zip(*(errors(made(history, seed), day) for seed in range(seeds)), strict=True)
            before, after = (
                f"{mean(each.end for each in those):.0%}, {mean(each.days for each in those):.1f} d"
                for those in (straight, weekly)
            )
            cells.append(f"{before} → {after}")
        rows.append([name, *cells])
    return [
        "Mean error of the month's end, and of the day on which the budget runs out: the straight line → the forecast.",
        "",
        table(["history, asked at the start of", *(f"day {day}" for day in asked_on)], rows),
    ]


def main() -> None:
    print("\n".join(report()))
