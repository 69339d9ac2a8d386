"""Breakers around governed calls, in several environments that share one table."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.ledger_world import (
    MONTH,
    Books,
    CountsLetters,
    ScriptedUpstream,
    TellingClock,
    TwoPrices,
    a_tenant,
    books_in_memory,
    keys,
    labels,
)
from tests.fakes.memory_breakers import MemoryBreakers, ToldAlerts
from tests.fakes.memory_ledger import MemoryTable
from tollgate.domain.breaker import BreakerRules, State
from tollgate.domain.chat import parse_chat
from tollgate.domain.errors import BreakerNotFound, BreakerOpen, BudgetRefused, LoopRefused, TollgateError
from tollgate.domain.loop import LoopRules
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear, UpstreamResult
from tollgate.domain.usage import Usage
from tollgate.edge.problems import answer_of
from tollgate.usecases.complete_chat import ChatPorts, ChatReply, complete_chat
from tollgate.usecases.guard_call import Guard
from tollgate.usecases.manage_breakers import list_breakers, reset_breaker
from tollgate.usecases.notice_loops import LoopMemory
from tollgate.usecases.watch_breakers import BreakerWatch

RULES = BreakerRules(
    failures=3, limits=4, window=timedelta(seconds=30), shortest=timedelta(seconds=5), longest=timedelta(seconds=60)
)
LOOPS = LoopRules(repeats=4, failures=3, window=timedelta(seconds=60), shortest=timedelta(seconds=60))
LIFE = timedelta(seconds=60)
OK = Answered(body={}, usage=Usage(uncached=5, output=5), tier="default")
BROKEN = Unclear(message="cut", code="connection_broken")
FAILED = Declined(status=500, body={}, message="no")
BAD_REQUEST = Declined(status=400, body={}, message="no", code="invalid_value")
NO_MONEY = Declined(status=429, body={}, message="no", code="insufficient_quota")
FREE_FAILURES = pytest.mark.parametrize("result", [FAILED, NotSent(message="ConnectError")], ids=["500", "not sent"])


@dataclass(slots=True)
class World:
    """Environments of one gate: one ledger, one table of breakers, one clock, one upstream that says what the test wants."""

    clock: TellingClock = field(default_factory=TellingClock)
    breakers: MemoryBreakers = field(default_factory=MemoryBreakers)
    alerts: ToldAlerts = field(default_factory=ToldAlerts)
    upstream: ScriptedUpstream = field(default_factory=ScriptedUpstream)
    books: Books = field(default_factory=lambda: books_in_memory(MemoryTable()))
    waited: list[float] = field(default_factory=list)
    settings: Any = field(default_factory=lambda: a_tenant(daily_limit=NanoUsd(10**6), monthly_limit=NanoUsd(10**6)))
    new_key: Any = field(default_factory=keys)
    rules: BreakerRules = RULES
    retries: bool = False

    def __post_init__(self) -> None:
        self.books.accounts.create(self.settings, (MONTH,))
        self.books.ledger.open_page(self.settings, MONTH)

    def environment(self) -> ChatPorts:
        guard = Guard(
            watch=BreakerWatch(self.breakers, self.rules),
            loops=LoopMemory(LOOPS),
            alerts=self.alerts,
            rules=self.rules,
            loop_rules=LOOPS,
            upstream="api.openai.com",
            jitter=lambda: 0.0,
        )
        return ChatPorts(
            ledger=self.books.ledger,
            accounts=self.books.accounts,
            prices=TwoPrices(),
            counter=CountsLetters(),
            upstream=self.upstream,
            clock=self.clock,
            new_key=self.new_key,
            guard=guard,
            sleep=self.waited.append if self.retries else None,
        )

    def call(
        self,
        environment: ChatPorts,
        *results: UpstreamResult,
        model: str = "dear",
        words: str = "Hello",
        agent: str | None = None,
        only_as_asked: bool = False,
        settings: Any = None,
    ) -> ChatReply:
        self.upstream.results = list(results)
        body = {"model": model, "messages": [{"role": "user", "content": words}], "max_tokens": 10}
        chat = replace(parse_chat(body, labels(agent), default_model="dear"), only_as_asked=only_as_asked)
        return complete_chat(
            chat,
            settings or self.settings,
            environment,
            request_id="request",
            deadline=self.clock.now + LIFE,
        )

    def fails(self, environment: ChatPorts, *results: UpstreamResult, **how: Any) -> TollgateError:
        with pytest.raises(TollgateError) as failed:
            self.call(environment, *results, **how)
        return failed.value

    def open(self, environment: ChatPorts, result: UpstreamResult = FAILED, model: str = "dear") -> None:
        for _ in range(RULES.failures):
            self.fails(environment, result, model=model)

    @property
    def asked(self) -> int:
        return len(self.upstream.asked)

    @property
    def seq(self) -> int:
        page = self.books.ledger.read_page("shop", MONTH)
        assert page is not None
        assert not page.holds
        return page.seq


@FREE_FAILURES
def test_failures_of_several_environments_open_it_for_all_of_them(result: UpstreamResult) -> None:
    world = World()
    environments = [world.environment() for _ in range(3)]
    for environment in environments:
        world.fails(environment, result)
    seq, asked = world.seq, world.asked

    world.clock.pass_by(timedelta(seconds=1))
    refused = world.fails(world.environment(), OK)

    assert isinstance(refused, BreakerOpen)
    assert refused.retry_at == world.clock.now + timedelta(seconds=4)
    assert (world.seq, world.asked) == (seq, asked), "an open breaker costs no write to the ledger"
    assert world.alerts.told == ["BreakerOpened"]


def test_a_healthy_upstream_costs_no_write_and_one_read_a_second() -> None:
    world = World()
    environment = world.environment()

    for _ in range(50):
        world.call(environment, OK)
        world.clock.pass_by(timedelta(milliseconds=100))

    assert (world.breakers.writes, world.breakers.reads) == (0, 5)


def test_an_environment_that_knew_better_learns_of_it_within_a_second() -> None:
    world = World()
    other, failing = world.environment(), world.environment()
    world.call(other, OK)
    world.open(failing)
    world.call(other, OK)

    world.clock.pass_by(timedelta(seconds=1))

    assert isinstance(world.fails(other, OK), BreakerOpen)


def test_half_open_one_call_goes_through_and_its_success_closes_it() -> None:
    world = World()
    first, second = world.environment(), world.environment()
    world.open(first)
    world.clock.pass_by(RULES.shortest)
    barred: list[TollgateError] = []

    def meanwhile() -> None:
        world.upstream.meanwhile = None
        barred.append(world.fails(second, OK))
        world.upstream.results = [OK]

    world.upstream.meanwhile = meanwhile
    world.call(first, OK)

    assert [type(error) for error in barred] == [BreakerOpen]
    assert world.alerts.told == ["BreakerOpened", "BreakerClosed"]
    world.clock.pass_by(timedelta(seconds=1))
    world.call(second, OK)


def test_each_probe_that_fails_doubles_the_wait_up_to_the_longest() -> None:
    world = World()
    environment = world.environment()
    world.open(environment)
    waits = []
    for _ in range(6):
        refused = world.fails(environment, OK)
        assert isinstance(refused, BreakerOpen)
        waits.append((refused.retry_at - world.clock.now).total_seconds())
        world.clock.now = refused.retry_at
        world.fails(environment, FAILED)

    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_prober_that_dies_bars_the_way_until_its_functions_time_has_ended() -> None:
    world = World()
    environment = world.environment()
    world.open(environment)
    world.clock.pass_by(RULES.shortest)

    def die() -> None:
        raise KeyboardInterrupt

    world.upstream.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        world.call(environment, OK)
    world.upstream.meanwhile = None

    world.clock.pass_by(LIFE - timedelta(seconds=1))
    assert isinstance(world.fails(environment, OK), BreakerOpen)
    world.clock.pass_by(timedelta(seconds=1))
    world.call(environment, OK)


def test_a_probe_whose_hold_is_refused_is_given_back_to_the_next_call() -> None:
    world = World()
    environment = world.environment()
    world.open(environment)
    world.clock.pass_by(RULES.shortest)

    refused = world.fails(environment, OK, words="w" * 10**6)
    world.call(environment, OK)

    assert isinstance(refused, BudgetRefused)


@pytest.mark.parametrize(
    "result",
    [
        BAD_REQUEST,
        Declined(status=404, body={}, message="no", code="model_not_found"),
        Unclear(message="ours", code="client_error"),
    ],
    ids=["400", "404", "client"],
)
def test_what_is_not_the_upstreams_fault_never_opens_it(result: UpstreamResult) -> None:
    world = World()
    environment = world.environment()

    for _ in range(30):
        world.fails(environment, result)

    assert not world.breakers.stored


def test_an_account_without_money_opens_it_at_once_and_tells_somebody() -> None:
    world = World()
    environment = world.environment()

    world.fails(environment, NO_MONEY)

    refused = world.fails(environment, OK)
    assert isinstance(refused, BreakerOpen)
    assert refused.retry_at == world.clock.now + RULES.longest
    assert world.alerts.told == ["BreakerOpened", "UpstreamQuotaExhausted"]


def test_open_the_cheaper_model_answers_and_says_why() -> None:
    world = World(settings=a_tenant(daily_limit=NanoUsd(10**6), monthly_limit=NanoUsd(10**6), cheaper_model="cheap"))
    environment = world.environment()
    world.open(environment)

    reply = world.call(environment, OK)

    assert reply.taken.offer.downgrade_reason == "breaker"
    assert (reply.requested_model, reply.taken.offer.price.model) == ("dear", "cheap")
    assert world.upstream.asked[-1]["model"] == "cheap"
    assert isinstance(world.fails(environment, OK, only_as_asked=True), BreakerOpen)


def test_with_both_models_open_the_call_is_refused() -> None:
    world = World(settings=a_tenant(daily_limit=NanoUsd(10**6), monthly_limit=NanoUsd(10**6), cheaper_model="cheap"))
    environment = world.environment()
    world.open(environment)
    world.open(environment, model="cheap")

    assert isinstance(world.fails(environment, OK), BreakerOpen)


def test_in_the_soft_zone_a_broken_cheaper_model_is_left_out() -> None:
    world = World(
        settings=a_tenant(
            daily_limit=NanoUsd(10**6), monthly_limit=NanoUsd(10**6), cheaper_model="cheap", soft_cap=Decimal(0)
        )
    )
    environment = world.environment()
    world.open(environment, model="cheap")

    assert world.call(environment, OK).taken.offer.price.model == "dear"
    world.clock.pass_by(RULES.shortest)
    assert world.call(environment, OK).taken.offer.price.model == "cheap", "the downgraded call is its probe"
    assert world.alerts.told == ["BreakerOpened", "BreakerClosed"]


def test_where_the_table_cannot_be_asked_calls_pass() -> None:
    world = World()
    environment = world.environment()
    world.breakers.away = True

    world.open(environment)
    reply = world.call(environment, OK)

    assert reply.answer == OK
    assert (reply.taken.offer.price.model, reply.downgraded) == ("dear", False)
    assert world.alerts.told == []


def test_switched_off_it_neither_reads_nor_opens() -> None:
    world = World(rules=BreakerRules(failures=0))
    environment = world.environment()

    for _ in range(30):
        world.fails(environment, FAILED)

    assert (world.breakers.reads, world.breakers.writes) == (0, 0)


def test_an_admin_sees_it_and_closes_it_for_everybody() -> None:
    world = World()
    environment = world.environment()
    world.open(environment)
    [listed] = list_breakers(world.breakers, RULES, world.clock.now)
    assert (listed.state, listed.failures, listed.reason) == (State.OPEN, 3, "500")

    reset_breaker(listed.id, world.breakers)

    world.clock.pass_by(timedelta(seconds=1))
    world.call(environment, OK)
    assert list_breakers(world.breakers, RULES, world.clock.now) == []
    with pytest.raises(BreakerNotFound):
        reset_breaker("upstream-unheard-of", world.breakers)


def test_what_is_over_leaves_the_table() -> None:
    world = World()
    environment = world.environment()
    world.fails(environment, FAILED)
    assert world.breakers.stored

    world.clock.pass_by(RULES.window + timedelta(seconds=2))
    world.call(environment, OK)

    assert not world.breakers.stored


# ---- loops ------------------------------------------------------------------------------------------------------------------


def test_the_same_request_once_too_often_is_refused_for_that_agent_in_every_environment() -> None:
    world = World()
    environment = world.environment()
    for _ in range(LOOPS.repeats):
        world.call(environment, OK, agent="booking")
    seq = world.seq

    world.clock.pass_by(timedelta(seconds=1))
    refused = world.fails(world.environment(), OK, agent="booking")

    assert isinstance(refused, LoopRefused)
    assert refused.retry_at == world.clock.now + timedelta(seconds=59)
    assert world.seq == seq
    assert world.alerts.told == ["LoopFound"]
    world.call(environment, OK, agent="booking", words="Something else")
    world.call(environment, OK, agent="voice")
    world.call(environment, OK)
    world.clock.pass_by(timedelta(seconds=60))
    world.call(environment, OK, agent="booking")


def test_the_refusal_says_who_how_often_until_when_and_what_helps() -> None:
    world = World()
    environment = world.environment()
    for _ in range(LOOPS.repeats):
        world.call(environment, OK, agent="booking")

    refused = world.fails(environment, OK, agent="booking")

    answer = answer_of(refused, path="/v1/chat/completions", request_id="r", now=world.clock.now)
    assert answer.status == 429
    assert answer.headers == {
        "x-should-retry": "false",
        "Retry-After": "60",
        "x-tollgate-refusal-reason": "loop",
    }
    assert answer.body["error"]["code"] == "rate_limit_exceeded"
    for fact in ("'booking'", "4 times within 60 s", "12:01:00 UTC", "DELETE /api/breakers/loop-"):
        assert fact in answer.body["error"]["message"]
    ours = answer_of(refused, path="/api/chat", request_id="r", now=world.clock.now).body["error"]
    assert (ours["reason"], ours["retryAfterSeconds"]) == ("loop", 60)
    assert ours["remedy"]


def test_the_same_request_now_and_then_is_no_loop() -> None:
    world = World()
    environment = world.environment()

    for _ in range(30):
        world.call(environment, OK, agent="booking")
        world.clock.pass_by(timedelta(seconds=21))

    assert not world.breakers.stored


def test_calls_without_an_agent_are_nobodys_loop() -> None:
    world = World()
    environment = world.environment()

    for _ in range(30):
        world.call(environment, OK)

    assert not world.breakers.stored


def test_an_agent_that_fails_once_too_often_in_a_row_is_refused_whatever_it_asks() -> None:
    world = World()
    environment = world.environment()
    for number in range(LOOPS.failures):
        world.fails(environment, BAD_REQUEST, agent="booking", words=f"Try {number}")

    refused = world.fails(environment, OK, agent="booking", words="Another one")

    assert isinstance(refused, LoopRefused)
    assert "failed 3 times in a row" in str(refused)


def test_an_answer_in_between_ends_the_row() -> None:
    world = World()
    environment = world.environment()

    for number in range(10):
        world.fails(environment, BAD_REQUEST, agent="booking", words=f"Try {number}")
        world.call(environment, OK, agent="booking", words=f"Fine {number}")

    assert not world.breakers.stored


def test_a_loop_that_goes_on_is_stopped_for_twice_as_long() -> None:
    world = World()
    environment = world.environment()
    lasted = []
    for _ in range(3):
        for _ in range(LOOPS.repeats):
            world.call(environment, OK, agent="booking")
        refused = world.fails(environment, OK, agent="booking")
        assert isinstance(refused, LoopRefused)
        lasted.append((refused.retry_at - world.clock.now).total_seconds())
        world.clock.now = refused.retry_at

    assert lasted == [60, 120, 240]


# ---- tries of our own -------------------------------------------------------------------------------------------------------


LIMITED = Declined(status=429, body={}, message="no", code="rate_limit_exceeded", headers={"Retry-After": "2"})
OVERLOADED = Declined(status=503, body={}, message="no", code="server_is_overloaded")


@pytest.mark.parametrize(
    ("results", "waits"),
    [
        ([LIMITED, OK], [2.0]),
        ([NotSent(message="ConnectError"), OVERLOADED, OK], [0.21875, 0.4375]),
    ],
)
def test_where_nothing_was_billed_the_gate_asks_again_inside_the_same_hold(
    results: list[UpstreamResult], waits: list[float]
) -> None:
    world = World(retries=True)

    world.call(world.environment(), *results)

    assert world.waited == waits
    assert world.asked == len(results)
    assert world.seq == 1
    assert not world.breakers.stored


@pytest.mark.parametrize(
    ("result", "times"),
    [
        (OVERLOADED, 3),
        (BROKEN, 1),
        (FAILED, 1),
        (BAD_REQUEST, 1),
        (NO_MONEY, 1),
        (Declined(status=429, body={}, message="no", code="rate_limit_exceeded"), 1),
        (Declined(status=429, body={}, message="no", code="slow_down", headers={"retry-after-ms": "5001"}), 1),
    ],
    ids=["503", "unclear", "500", "400", "no money", "429 without a time", "429 that takes too long"],
)
def test_it_asks_at_most_three_times_and_only_once_where_that_is_useless_or_may_be_billed(
    result: UpstreamResult, times: int
) -> None:
    world = World(retries=True)

    world.fails(world.environment(), result, result, result)

    assert world.asked == times


def test_a_probe_asks_once() -> None:
    world = World(retries=True)
    environment = world.environment()
    world.open(environment)
    world.clock.pass_by(RULES.shortest)
    asked = world.asked

    world.fails(environment, OVERLOADED)

    assert world.asked == asked + 1
