"""What the person sees: a live table in a terminal, plain lines anywhere else, and the whole story at the end."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local.demo.api import Summary, Tenant
from infra.local.demo.proof import Comparison, Proof
from infra.local.demo.shops import NANO_PER_USD
from infra.local.demo.tally import Count, RefusalSeen, Tally

EVENTS_SHOWN = 5
# Without a terminal: a line for each tenant at this interval.
LINES_EVERY_S = 5.0
STATES = {"ok": "green", "soft": "yellow", "exhausted": "red", "suspended": "red"}
BAR_WIDTH = 10
# Where there is no terminal to ask.
PLAIN_WIDTH = 100


def dollars(amount: int) -> str:
    """For reading; the proof shows whole nano-dollars."""
    return f"${amount / NANO_PER_USD:.4f}"


def new_console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


@dataclass(slots=True)
class Screen:
    console: Console = field(default_factory=new_console)
    _lines_at: float = 0.0
    _events_shown: int = 0

    def say(self, line: str, *, style: str = "") -> None:
        self.console.print(Text(line, style=style), soft_wrap=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        if self.console.is_terminal:
            with self.console.status(Text(what)):
                yield
        else:
            self.say(what)
            yield

    @contextmanager
    def morning(self, tenants: Sequence[Tenant], tally: Tally) -> "Iterator[Watch]":
        watch = Watch(self, tenants, tally)
        if not self.console.is_terminal:
            yield watch
            return
        with Live(console=self.console, refresh_per_second=4, get_renderable=watch.render, transient=True):
            yield watch

    def show_lines(self, tenants: Sequence[Tenant], tally: Tally) -> None:
        """For what is no terminal: what happened since, and now and then where everybody stands."""
        for event in tally.events[self._events_shown :]:
            self.say(f"  {event}")
            self._events_shown += 1
        if time.monotonic() - self._lines_at < LINES_EVERY_S:
            return
        self._lines_at = time.monotonic()
        for tenant in tenants:
            self.say(f"  {standing_line(tenant, tally.count(tenant.id))}")

    def show_end(self, tenants: Sequence[Tenant], tally: Tally, summaries: Mapping[str, Summary]) -> None:
        self.console.print(figures(tenants, tally, title="The morning, as the agents saw it"))
        if tally.first_refusal is not None:
            self.console.print(refusal_panel(tally.first_refusal))
            others = sum(tally.count(tenant.id).served for tenant in tenants if not tenant.shop.floods)
            self.say(f"  Since then {others - tally.others_served_before} more calls of the other shops were served.")
        self.console.print(summary_table(tenants, summaries))

    def show_proof(self, proof: Proof) -> None:
        self.console.print(proof_table(proof.comparisons))
        for comparison in proof.comparisons:
            for difference in comparison.differences:
                self.say(f"  {comparison.left_name} / {comparison.right_name}: {difference}", style="red")
        for reason in proof.left_out:
            self.say(f"  Left out: {reason}.", style="yellow")
        for check in proof.checks:
            for breach in check.breaches:
                self.say(f"  {breach}", style="red")
            self.say(
                f"  {'broken: ' if check.breaches else ''}{check.promise}", style="red" if check.breaches else "green"
            )


@dataclass(slots=True)
class Watch:
    """The table while the morning goes on."""

    screen: Screen
    tenants: Sequence[Tenant]
    tally: Tally
    progress: str = ""

    def render(self) -> RenderableType:
        events = [Text(f"  {event}", style="dim") for event in self.tally.events[-EVENTS_SHOWN:]]
        return Group(figures(self.tenants, self.tally, title="A busy morning"), Text(f"  {self.progress}"), *events)

    def tick(self, progress: str) -> None:
        self.progress = progress
        if not self.screen.console.is_terminal:
            self.screen.show_lines(self.tenants, self.tally)


def figures(tenants: Sequence[Tenant], tally: Tally, *, title: str) -> Table:
    table = new_table(title, "tenant", "served", "down-\ngraded", "refused", "spent", "of", "", "held", "state")
    for tenant in tenants:
        count = tally.count(tenant.id)
        standing = count.standing
        if standing is None:
            table.add_row(tenant.shop.id)
            continue
        colour = STATES[standing.state]
        table.add_row(
            tenant.shop.id,
            str(count.served),
            Text(str(count.downgraded), style="yellow" if count.downgraded else ""),
            Text(str(count.refused), style="red" if count.refused else ""),
            dollars(standing.spent),
            f"${standing.limit / NANO_PER_USD:.2f}",
            Bar(size=standing.limit, begin=0, end=min(standing.spent, standing.limit), width=BAR_WIDTH, color=colour),
            dollars(standing.held),
            Text(standing.state, style=colour),
        )
    return table


def new_table(title: str, *columns: str) -> Table:
    """The first column is a name, and gives way where the terminal is narrow."""
    table = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 1, 0, 0)
    )
    table.add_column(columns[0], overflow="ellipsis")
    for column in columns[1:]:
        table.add_column(column, justify="left" if column in ("", "state") else "right", no_wrap=True)
    return table


def standing_line(tenant: Tenant, count: Count) -> str:
    line = f"{tenant.id}: {count.served} served, {count.downgraded} downgraded, {count.refused} refused"
    if count.standing is None:
        return line
    standing = count.standing
    return f"{line}; {dollars(standing.spent)} of {dollars(standing.limit)}, {dollars(standing.held)} held"


def refusal_panel(seen: RefusalSeen) -> Panel:
    until = ": the shop's midnight" if seen.reason == "daily_budget" else ""
    hours = f", {seen.retry_after_s / 3600:.1f} h{until}" if seen.retry_after_s else ""
    grid = Table.grid(padding=(0, 2))
    rows = {
        "raised": f"openai.{seen.error}, status {seen.status}, code {seen.code}; sent {seen.tries} time{'s' if seen.tries > 1 else ''}",
        "agent": seen.agent,
        "reason": seen.reason,
        "retry after": f"{seen.retry_after_s} s{hours}",
        "message and remedy": seen.message,
    }
    for name, value in rows.items():
        grid.add_row(Text(name, style="dim"), Text(value))
    return Panel(grid, title="One refusal, whole", title_align="left")


def summary_table(tenants: Iterable[Tenant], summaries: Mapping[str, Summary]) -> Table:
    columns = ("calls", "cost", "input", "cached", "output", "down-\ngraded", "saved", "p50\nms", "p95\nms")
    table = new_table("What GET /api/cost/summary says", "tenant", *columns)
    for tenant in tenants:
        summary = summaries[tenant.id]
        table.add_row(
            tenant.shop.id,
            str(summary.calls),
            dollars(summary.cost),
            f"{summary.input_tokens:,}",
            f"{summary.cached_input_tokens:,}",
            f"{summary.output_tokens:,}",
            str(summary.downgraded_calls),
            dollars(summary.saved),
            str(summary.p50_ms or ""),
            str(summary.p95_ms or ""),
        )
        for model, calls, cost in summary.models:
            table.add_row(Text(f"  {model}"), str(calls), dollars(cost), style="dim")
    return table


def proof_table(comparisons: Iterable[Comparison]) -> Table:
    table = new_table("The proof, to the nano-dollar", "", "", "", "")
    table.show_header = False
    table.columns[1].justify = "right"
    for comparison in comparisons:
        left, right = comparison.sums
        verdict = Text("equal", style="green") if comparison.is_equal else Text("NOT equal", style="bold red")
        table.add_row()
        table.add_row(comparison.left_name, f"{left:,}", comparison.unit)
        table.add_row(comparison.right_name, f"{right:,}", comparison.unit, verdict)
    return table
