"""The tables of infra/costs/README.md, in Markdown."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache

from infra.build import ROOT
from infra.costs.assumptions import Assumption, Assumptions, figures_of, read_assumptions
from infra.costs.bill import LOW_COST, PRODUCTION, Bill, Mode, Profile, bill, connection
from infra.costs.price import Price, read_prices

TENANTS = (10, 1_000, 100_000)
MILLION = Decimal(1_000_000)
MODES = {Mode.PROXY: "proxy mode", Mode.SDK: "SDK mode"}
# Of calls, as $ a million tokens, in layers/shared/tollgate/data/prices.json.
MODELS = ("gpt-4o", "gpt-4o-mini")
CALL_SECONDS = (2, 5, 10, 20)
MEMORIES = ("0.5", "1", "1.5")


def report() -> str:
    return "\n".join(_report(read_assumptions(), read_prices()))


def _report(assumptions: Mapping[str, Assumption], prices: Mapping[str, Price]) -> Iterator[str]:
    assumed = figures_of(assumptions)

    def of(tenants: int, mode: Mode, profile: Profile = PRODUCTION) -> Bill:
        return bill(tenants, mode, profile, prices=prices, assumed=assumed)

    yield "### A month, in US dollars\n"
    yield from _table(
        ["profile, mode", *(f"{count:,} tenants" for count in TENANTS)],
        [
            [f"{profile.name}, {MODES[mode]}", *(dollars(of(count, mode, profile).usd) for count in TENANTS)]
            for profile in (PRODUCTION, LOW_COST)
            for mode in Mode
        ]
        + [["calls a month", *(f"{of(count, Mode.PROXY).calls:,}" for count in TENANTS)]],
    )
    for mode, title in MODES.items():
        yield f"\n### Production, {title}, line by line\n"
        yield from _by_line([of(count, mode) for count in TENANTS])
    yield "\n### Beside what the calls themselves cost\n"
    yield "Production; the last two rows are what OpenAI bills for the same calls.\n"
    yield from _beside(of, assumed)
    yield "\n### What waiting costs: dollars a million calls, by how long a call takes and the chat function's memory\n"
    yield from _waiting(assumed, prices)
    yield "\n### What a tenant's ServiceTitan connection adds in a month\n"
    added = connection(prices, assumed)
    rows = [[line.name, dollars(line.usd), dollars(line.usd * 1_000), dollars(line.usd * 100_000)] for line in added]
    one = sum((line.usd for line in added), Decimal(0))
    rows.append(["**all**", *(f"**{dollars(one * count)}**" for count in (1, 1_000, 100_000))])
    yield from _table(["", "one", "1,000 of them", "100,000 of them"], rows)
    yield "\n### Assumptions\n"
    yield from _table(
        ["what", "figure", "basis"],
        [[each.what, f"{each.figure:,}", str(each.basis)] for each in assumptions.values()],
    )
    yield "\n### Prices\n"
    yield from _table(
        ["unit", "US dollars", "basis", "read at"],
        [[each.unit, _rate(each), str(each.basis), f"<{each.source}>"] for each in prices.values()],
    )


def _by_line(bills: Sequence[Bill]) -> Iterator[str]:
    rows = [
        [line.name, *(f"{dollars(each.line(line.name))} ({share(each.line(line.name), each.usd)})" for each in bills)]
        for line in bills[0].lines
    ]
    rows.append(["**all**", *(f"**{dollars(each.usd)}**" for each in bills)])
    yield from _table(["line", *(f"{each.tenants:,} tenants" for each in bills)], rows)


def _beside(of: Callable[[int, Mode], Bill], assumed: Assumptions) -> Iterator[str]:
    rows = [
        [f"{MODES[mode]}: a tenant and month", *(dollars(of(count, mode).usd / count) for count in TENANTS)]
        for mode in Mode
    ]
    rows += [
        [f"{MODES[mode]}: a million calls", *(dollars(of(count, mode).usd / of(count, mode).calls * MILLION) for count in TENANTS)]
        for mode in Mode
    ]  # fmt: skip
    rows += [
        [f"`{model}`: a million calls", *([dollars(openai_usd(model, assumed) * MILLION)] * 3)] for model in MODELS
    ]
    yield from _table(["", *(f"{count:,} tenants" for count in TENANTS)], rows)


def _waiting(assumed: Assumptions, prices: Mapping[str, Price]) -> Iterator[str]:
    def cell(seconds: int, memory: str) -> str:
        other = replace(assumed, call_s=Decimal(seconds), chat_gb=Decimal(memory))
        found = bill(1000, Mode.PROXY, PRODUCTION, prices=prices, assumed=other)
        return dollars(found.line("Lambda, waiting for OpenAI") / found.calls * MILLION)

    yield from _table(
        ["a call takes", *(f"{memory} GB" for memory in MEMORIES)],
        [[f"{seconds} s", *(cell(seconds, memory) for memory in MEMORIES)] for seconds in CALL_SECONDS],
    )


def openai_usd(model: str, assumed: Assumptions) -> Decimal:
    """Of one call without cached tokens."""
    price = _price_list()[model]["prices"][-1]
    return (assumed.input_tokens * Decimal(price["input"]) + assumed.output_tokens * Decimal(price["output"])) / MILLION


@cache
def _price_list() -> dict[str, dict[str, list[dict[str, str]]]]:
    path = ROOT / "layers" / "shared" / "tollgate" / "data" / "prices.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["models"])


def dollars(amount: Decimal) -> str:
    """To the cent below a hundred dollars, else whole."""
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def share(part: Decimal, whole: Decimal) -> str:
    return f"{100 * part / whole:.0f}%"


def _rate(price: Price) -> str:
    return f"{price.usd}" if price.per == 1 else f"{price.usd} for {price.per:,}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
