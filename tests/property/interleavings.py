"""Every order in which the requests of a few use cases can reach the table: answered, lost, late, or their sender dead.

A use case is a function of the answers that it got. So it is run again from its start for each step, with the answers that it had so
far, up to the next request: no thread, no wait, and any state of the world can be gone on from twice.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from tests.fakes.ledger_world import a_span
from tests.fakes.memory_ledger import MemoryTable, NoAnswer
from tests.property.audit import Audit
from tollgate.domain.posting import lapse_hold
from tollgate.domain.span import Outcome

T = TypeVar("T")
TENANT = "shop"


class Pause(BaseException):
    """The use case waits for its next answer."""

    def __init__(self, request: Callable[[MemoryTable], Any], *, writes: bool) -> None:
        super().__init__()
        self.request = request
        self.writes = writes


class Replay:
    """A `Carry` that gives the answers that were given before, and a clock that shows the times at which they came."""

    def __init__(self, answers: tuple[Any, ...], times: tuple[datetime, ...]) -> None:
        self._answers = answers
        self._times = times
        self._given = 0

    def __call__(self, request: Callable[[MemoryTable], T], *, writes: bool = True) -> T:
        if self._given == len(self._answers):
            raise Pause(request, writes=writes)
        answer = self._answers[self._given]
        self._given += 1
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def clock(self) -> datetime:
        return self._times[self._given]


# A program gets its replay and notes what it did outside of the ledger; it returns when it is at rest.
Program = Callable[[Replay, dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    program: Program
    lag: int = 0
    key: str | None = None
    is_closable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One actor's answers so far, what it waits for, and what it did. `words` tell the answers apart."""

    answers: tuple[Any, ...] = ()
    times: tuple[datetime, ...] = ()
    words: tuple[str, ...] = ()
    waits: Pause | None = None
    did: tuple[tuple[str, Any], ...] = ()
    is_dead: bool = False

    @property
    def is_at_rest(self) -> bool:
        return self.waits is None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`on_its_way`: (actor, number of the request, request)."""

    table: MemoryTable
    audit: Audit
    actors: tuple[Progress, ...]
    on_its_way: tuple[tuple[int, int, Callable[[MemoryTable], Any]], ...]
    budget: dict[str, int]
    now: int
    path: tuple[str, ...] = ()

    def fingerprint(self) -> tuple[Any, ...]:
        pages = tuple(sorted((place, repr(page)) for place, page in self.table.pages.items()))
        actors = tuple((progress.words, progress.is_dead) for progress in self.actors)
        late = tuple((actor, number) for actor, number, _ in self.on_its_way)
        return (pages, self.table.accounts[TENANT].version, actors, late, tuple(self.budget.items()), self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    actors: tuple[Actor, ...]
    times: tuple[datetime, ...]
    budget: dict[str, int]
    table: MemoryTable
    check: Callable[["World"], None]

    def start(self) -> World:
        table = self.table.copy()
        audit = Audit(lambda: list(table.pages.values()), lambda: table.accounts[TENANT])
        audit(self.times[0])
        world = World(table=table, audit=audit, actors=(), on_its_way=(), budget=self.budget, now=0)
        actors = tuple(self._go_on(actor, Progress(times=(self._time(actor, world),))) for actor in self.actors)
        return replace(world, actors=actors)

    # ---- what can happen next ------------------------------------------------------------------------------------------------

    def steps(self, world: World) -> Iterator[Callable[[], World]]:
        for number, progress in enumerate(world.actors):
            if progress.waits is not None:
                yield from self._requests(world, number, progress)
        for index, (number, _, request) in enumerate(world.on_its_way):
            yield lambda index=index, number=number, request=request: self._land(world, index, number, request)  # type: ignore[misc]
        if world.now + 1 < len(self.times):
            yield lambda: replace(world, now=world.now + 1, path=(*world.path, "time passes"))
        for number, actor in enumerate(self.actors):
            progress = world.actors[number]
            for place in [place for place, page in world.table.pages.items() if actor.key in page.holds]:
                if progress.is_at_rest:
                    yield lambda place=place, actor=actor: self._lapse(world, place, actor, "sweep")  # type: ignore[misc]
                elif actor.is_closable and world.budget["closings"]:
                    yield lambda place=place, actor=actor: self._lapse(world, place, actor, "closings")  # type: ignore[misc]

    def _requests(self, world: World, number: int, progress: Progress) -> Iterator[Callable[[], World]]:
        assert progress.waits is not None
        yield lambda: self._carry_out(world, number, "answered")
        if not progress.waits.writes:
            return
        if world.budget["lost"]:
            yield lambda: self._carry_out(world, number, "lost")
        if world.budget["late"]:
            yield lambda: self._carry_out(world, number, "late")
        if world.budget["deaths"]:
            yield lambda: self._die(world, number, is_sent=False)
            yield lambda: self._die(world, number, is_sent=True)

    def _carry_out(self, world: World, number: int, fate: str) -> World:
        actor, progress = self.actors[number], world.actors[number]
        waits = progress.waits
        assert waits is not None
        after, late, answer = world, world.on_its_way, NoAnswer() if fate != "answered" else None
        if fate == "late":
            late = (*late, (number, len(progress.answers), waits.request))
        else:
            after, given = self._apply(world, waits.request, progress.times[0])
            answer = given if fate == "answered" else answer
        following = self._go_on(
            actor,
            replace(
                progress,
                answers=(*progress.answers, answer),
                times=(*progress.times, self._time(actor, world)),
                words=(*progress.words, f"{fate}: {answer!r}"),
            ),
        )
        return self._moved(after, number, following, fate, on_its_way=late)

    def _die(self, world: World, number: int, *, is_sent: bool) -> World:
        progress = world.actors[number]
        assert progress.waits is not None
        late = (
            (*world.on_its_way, (number, len(progress.answers), progress.waits.request))
            if is_sent
            else world.on_its_way
        )
        return self._moved(world, number, replace(progress, waits=None, is_dead=True), "deaths", on_its_way=late)

    def _land(self, world: World, index: int, number: int, request: Callable[[MemoryTable], Any]) -> World:
        after, _ = self._apply(world, request, world.actors[number].times[0])
        left = world.on_its_way[:index] + world.on_its_way[index + 1 :]
        return replace(after, on_its_way=left, path=(*world.path, f"a late request of {number} lands"))

    def _lapse(self, world: World, place: tuple[str, str], actor: Actor, word: str) -> World:
        assert actor.key is not None
        hold, at = world.table.pages[place].holds[actor.key], self.times[world.now]
        posting = lapse_hold(
            hold, span=a_span(hold, hold.amount, at=at, posting="lapse", outcome=Outcome.LAPSED), at=at
        )
        after, _ = self._apply(world, lambda table: table.post(posting, None, tenant_id=place[0], month=place[1]), at)
        budget = world.budget | ({word: world.budget[word] - 1} if word in world.budget else {})
        return replace(after, budget=budget, path=(*world.path, f"{word}: {hold.key} lapses"))

    # ---- how the world moves -------------------------------------------------------------------------------------------------

    def _apply(self, world: World, request: Callable[[MemoryTable], Any], decided_at: datetime) -> tuple[World, Any]:
        table = world.table.copy()
        answer = request(table)
        audit = world.audit.copy(lambda: list(table.pages.values()), lambda: table.accounts[TENANT])
        audit(decided_at)
        return replace(world, table=table, audit=audit), answer

    def _moved(self, world: World, number: int, progress: Progress, fate: str, *, on_its_way: Any) -> World:
        actors = (*world.actors[:number], progress, *world.actors[number + 1 :])
        budget = world.budget | ({fate: world.budget[fate] - 1} if fate in world.budget else {})
        return replace(
            world, actors=actors, budget=budget, on_its_way=on_its_way, path=(*world.path, f"{number} {fate}")
        )

    def _go_on(self, actor: Actor, progress: Progress) -> Progress:
        replay, did = Replay(progress.answers, progress.times), dict[str, Any]()
        try:
            actor.program(replay, did)
        except Pause as pause:
            return replace(progress, waits=pause, did=tuple(did.items()))
        return replace(progress, waits=None, did=tuple(did.items()))

    def _time(self, actor: Actor, world: World) -> datetime:
        return self.times[max(0, world.now - actor.lag)]


def explore(scope: Scope, *, states_max: int) -> int:
    """Depth first, each state once. Returns how many states were seen; raises AssertionError with the way that led to it."""
    seen: set[tuple[Any, ...]] = set()
    stack: list[Callable[[], World]] = [scope.start]
    while stack and len(seen) < states_max:
        world = stack.pop()()
        mark = world.fingerprint()
        if mark in seen:
            continue
        seen.add(mark)
        _check(scope, world)
        stack.extend(_told(world, step) for step in scope.steps(world))
    return len(seen)


def walk(scope: Scope, seed: int) -> World:
    """One history, drawn. Returns the world in which it ended; raises as `explore` does."""
    rng, world = random.Random(seed), scope.start()
    for _ in range(200):
        _check(scope, world)
        steps = list(scope.steps(world))
        if not steps:
            return world
        world = _told(world, rng.choice(steps))()
    return world


def _check(scope: Scope, world: World) -> None:
    try:
        scope.check(world)
    except AssertionError as error:
        raise AssertionError(f"{error}\n" + "\n".join(world.path)) from error


def _told(world: World, step: Callable[[], World]) -> Callable[[], World]:
    def run() -> World:
        try:
            return step()
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(world.path)) from error

    return run
