"""The laws of a breaker, on random histories of several environments that share one."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.breaker import (
    STOP_CODES,
    Breaker,
    BreakerRules,
    Kind,
    Report,
    Sign,
    State,
    Subject,
    Verdict,
    after,
    closed,
    half_open,
    open_time,
    released,
    sign_of,
    verdict_of,
)
from tollgate.domain.outcome import Declined

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUBJECT = Subject(kind=Kind.UPSTREAM, upstream="api.openai.com", model="gpt-4o")
RULES = BreakerRules(
    failures=4, limits=6, window=timedelta(seconds=10), shortest=timedelta(seconds=2), longest=timedelta(seconds=16)
)
CALL_TIME = timedelta(seconds=20)
BAD = (Sign.FAILING, Sign.LIMITED, Sign.STOPPED)


def report(sign: Sign, now: datetime, *, prober: str | None = None, successes: int = 0, jitter: float = 0) -> Report:
    return Report(sign=sign, code="why", now=now, prober=prober, successes=successes, jitter=jitter)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["call", "end", "end", "die", "give_back"]),
            st.sampled_from(list(Sign)),
            st.floats(0, 6),
            st.integers(0, 9),
            st.floats(0, 1),
        ),
        max_size=80,
    )
)
def test_there_is_never_more_than_one_living_prober(steps: list[tuple[str, Sign, float, int, float]]) -> None:
    breaker, now = Breaker(subject=SUBJECT), NOON
    # Every call in flight: its key, whether it is a probe, and when its function's time ends.
    calls: list[tuple[str, bool, datetime]] = []
    for number, (step, sign, passes, which, jitter) in enumerate(steps):
        now += timedelta(seconds=passes)
        calls = [call for call in calls if now < call[2]]
        match step:
            case "call":
                verdict, key = verdict_of(breaker, now), str(number)
                if verdict is Verdict.PROBE:
                    breaker = half_open(breaker, prober=key, until=now + CALL_TIME)
                if verdict is not Verdict.WAIT:
                    calls.append((key, verdict is Verdict.PROBE, now + CALL_TIME))
            case "end" if calls:
                key, is_probe, _ = calls.pop(which % len(calls))
                breaker = after(breaker, report(sign, now, prober=key if is_probe else None, jitter=jitter), RULES)
            case "die" if calls:
                # Its time runs on for whoever looks at the breaker, and it says nothing any more.
                calls.pop(which % len(calls))
            case "give_back" if calls:
                key, _, _ = calls.pop(which % len(calls))
                breaker = released(breaker, key, now)
            case _:
                pass
        probers = [key for key, is_probe, _ in calls if is_probe]
        assert len(probers) <= 1
        if breaker.state is State.OPEN:
            assert breaker.retry_at is not None
            assert breaker.retry_at - now <= RULES.longest


@given(st.lists(st.floats(0, 9.9), min_size=4, max_size=4).map(sorted), st.floats(0, 1))
def test_it_opens_after_the_last_of_so_many_failures_within_the_window_and_not_before(
    offsets: list[float], jitter: float
) -> None:
    breaker = Breaker(subject=SUBJECT)
    # Whole seconds are counted, so the window begins with a whole one.
    for offset in offsets[:-1]:
        breaker = after(breaker, report(Sign.FAILING, NOON + timedelta(seconds=offset)), RULES)
        assert breaker.state is State.CLOSED

    last = NOON + timedelta(seconds=offsets[-1])
    breaker = after(breaker, report(Sign.FAILING, last, jitter=jitter), RULES)

    assert breaker.state is State.OPEN
    assert breaker.retry_at == last + open_time(RULES, 1, jitter)


@given(st.integers(1, 60))
def test_failures_that_are_rarer_than_that_never_open_it(count: int) -> None:
    breaker = Breaker(subject=SUBJECT)
    for number in range(count):
        breaker = after(breaker, report(Sign.FAILING, NOON + timedelta(seconds=3.4 * number)), RULES)

    assert breaker.state is State.CLOSED


@given(st.lists(st.tuples(st.integers(400, 499).filter(lambda status: status != 429), st.text(max_size=8))))
def test_no_number_of_the_callers_own_mistakes_opens_it(answers: list[tuple[int, str]]) -> None:
    breaker = Breaker(subject=SUBJECT)
    for number, (status, code) in enumerate(answers * 20):
        sign = sign_of(Declined(status=status, body={}, message="no", code=code))
        breaker = after(breaker, report(sign, NOON + timedelta(milliseconds=number)), RULES)

    assert breaker == Breaker(subject=SUBJECT)


@given(st.integers(0, 40), st.integers(4, 40))
def test_a_few_failures_among_many_answers_do_not_open_it(failures: int, answers_each: int) -> None:
    breaker = Breaker(subject=SUBJECT)
    for _ in range(failures):
        breaker = after(breaker, report(Sign.FAILING, NOON, successes=answers_each), RULES)

    assert breaker.state is State.CLOSED


@given(st.lists(st.sampled_from(BAD), max_size=12), st.floats(0, 1))
def test_however_often_its_probe_failed_one_success_closes_it(signs: list[Sign], jitter: float) -> None:
    now = NOON
    breaker = after(Breaker(subject=SUBJECT), report(Sign.STOPPED, now, jitter=jitter), RULES)
    for number, sign in enumerate([*signs, Sign.HEALTHY]):
        assert breaker.retry_at is not None
        assert verdict_of(breaker, breaker.retry_at - timedelta(milliseconds=1)) is Verdict.WAIT
        now = breaker.retry_at
        assert verdict_of(breaker, now) is Verdict.PROBE
        breaker = half_open(breaker, prober=str(number), until=now + CALL_TIME)
        breaker = after(breaker, report(sign, now, prober=str(number), jitter=jitter), RULES)

    assert breaker.state is State.CLOSED
    assert verdict_of(breaker, now) is Verdict.PASS
    assert breaker == closed(Breaker(subject=SUBJECT, version=breaker.version - 1))


def test_a_dead_prober_bars_the_way_until_its_time_ends_and_no_longer() -> None:
    opened = after(Breaker(subject=SUBJECT), report(Sign.STOPPED, NOON), RULES)
    assert opened.retry_at is not None
    probed = half_open(opened, prober="dead", until=opened.retry_at + CALL_TIME)

    assert verdict_of(probed, opened.retry_at + CALL_TIME - timedelta(seconds=1)) is Verdict.WAIT
    assert verdict_of(probed, opened.retry_at + CALL_TIME) is Verdict.PROBE


def test_every_code_that_waiting_does_not_cure_opens_it_at_once_for_the_longest_time() -> None:
    for code in STOP_CODES:
        sign = sign_of(Declined(status=429, body={}, message="no", code=code))
        breaker = after(Breaker(subject=SUBJECT), report(sign, NOON), RULES)

        assert (breaker.state, breaker.retry_at) == (State.OPEN, NOON + RULES.longest)


def test_a_run_of_rate_limits_opens_it_later_than_failures_do() -> None:
    breaker, states = Breaker(subject=SUBJECT), []
    for _ in range(6):
        breaker = after(breaker, report(Sign.LIMITED, NOON), RULES)
        states.append(breaker.state)

    assert states == [State.CLOSED] * 5 + [State.OPEN]


@given(st.integers(0, 1000))
def test_an_upstream_that_dies_is_not_asked_as_often_again_as_it_had_answered(answered: int) -> None:
    breaker, failures = after(Breaker(subject=SUBJECT), report(Sign.FAILING, NOON, successes=answered), RULES), 1
    while breaker.state is State.CLOSED:
        breaker, failures = after(breaker, report(Sign.FAILING, NOON), RULES), failures + 1

    assert failures == RULES.failures
