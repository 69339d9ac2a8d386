"""The breakers around one governed call: asked before the hold, told after the settlement."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tollgate.domain.breaker import (
    Breaker,
    BreakerRules,
    Kind,
    Report,
    Sign,
    State,
    Subject,
    Verdict,
    after,
    half_open,
    released,
    sign_of,
    verdict_of,
)
from tollgate.domain.downgrade import Menu, with_cheaper, without_asked
from tollgate.domain.errors import BreakerOpen, LoopRefused
from tollgate.domain.loop import LoopRules, agent_failed, tripped
from tollgate.domain.outcome import Declined, UpstreamResult
from tollgate.ports import Alerts
from tollgate.usecases.notice_loops import LoopMemory
from tollgate.usecases.watch_breakers import BreakerWatch

FALLBACK_REASON = "breaker"
# A probe that runs says soon whether it is over; its own end may lie minutes away.
PROBE_RETRY = timedelta(seconds=2)
# A write of a breaker may take this long, and the answer comes first.
TIME_TO_TELL = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class Guard:
    """One for each environment. `upstream`: its host. `successes`: by model, those that were not told yet, and since when."""

    watch: BreakerWatch
    loops: LoopMemory
    alerts: Alerts
    rules: BreakerRules
    loop_rules: LoopRules
    upstream: str
    jitter: Callable[[], float]
    successes: dict[str, list[datetime]] = field(default_factory=dict)

    def subject(self, model: str) -> Subject:
        return Subject(kind=Kind.UPSTREAM, upstream=self.upstream, model=model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the breakers want to know of a call. `key` is its own, as its hold's; `until`: when its function's time ends."""

    tenant_id: str
    agent: str | None
    fingerprint: str | None
    key: str
    until: datetime


@dataclass(slots=True, kw_only=True)
class GuardedCall:
    """`menu`: what the call may be held for. `probes`: the models that this call was let through to try."""

    guard: Guard | None
    call: Call
    menu: Menu
    probes: list[str] = field(default_factory=list)

    def is_probe(self, model: str) -> bool:
        return model in self.probes

    def note(self, now: datetime) -> None:
        """The hold is made, so the call is: one that was refused costs nothing, and has a reason of its own."""
        guard, call = self.guard, self.call
        if guard is None or call.agent is None or call.fingerprint is None:
            return
        if guard.loops.repeated(call.tenant_id, call.agent, call.fingerprint, now):
            rules = guard.loop_rules
            seen = f"sent the same request {rules.repeats} times within {rules.window.total_seconds():.0f} s"
            _stop_agent(guard, call, call.fingerprint, seen, now)

    def give_back(self, now: datetime, *, but: str | None = None) -> None:
        """The probes that were not made."""
        for model in [model for model in self.probes if model != but]:
            assert self.guard is not None
            self.guard.watch.change(self.guard.subject(model), lambda breaker: released(breaker, self.call.key, now))
            self.probes.remove(model)

    def tell(self, model: str, result: UpstreamResult, now: datetime) -> None:
        """How the call came out. Late in the function's time it is left out: the client's answer comes first."""
        if self.guard is None or self.call.until - now < TIME_TO_TELL:
            return
        self.give_back(now, but=model)
        if not self.guard.rules.are_off:
            _report(self.guard, model, result, now, prober=self.call.key if self.is_probe(model) else None)
        self._tell_of_agent(self.guard, model, result, now)

    def _tell_of_agent(self, guard: Guard, model: str, result: UpstreamResult, now: datetime) -> None:
        has_failed = agent_failed(result)
        if self.call.agent is None or has_failed is None or self.is_probe(model):
            return
        if guard.loops.failed(self.call.tenant_id, self.call.agent, has_failed=has_failed):
            _stop_agent(guard, self.call, None, f"failed {guard.loop_rules.failures} times in a row", now)


def guard_call(guard: Guard | None, call: Call, menu: Menu, now: datetime) -> GuardedCall:
    """Raises LoopRefused and BreakerOpen; nothing is held yet, so neither costs a write to the ledger."""
    guarded = GuardedCall(guard=guard, call=call, menu=menu)
    if guard is None:
        return guarded
    _check_loops(guard, call, now)
    if guard.rules.are_off:
        return guarded
    asked = menu.asked.price.model
    barred = _barred_until(guarded, asked, now)
    working = [offer for offer in menu.cheaper if _barred_until(guarded, offer.price.model, now) is None]
    if barred is None:
        guarded.menu = with_cheaper(menu, working)
        return guarded
    if not working:
        guarded.give_back(now)
        raise BreakerOpen(
            f"The model {asked!r} keeps failing at its provider, so it is not asked until {barred:%H:%M:%S} UTC. "
            "Nothing was spent. Try again then, or ask for another model.",
            retry_at=barred,
        )
    guarded.menu = without_asked(menu, working, reason=FALLBACK_REASON)
    return guarded


def _barred_until(guarded: GuardedCall, model: str, now: datetime) -> datetime | None:
    """None where calls may go to this model now: its breaker is closed, or this call has become its prober."""
    guard, call = guarded.guard, guarded.call
    assert guard is not None
    subject = guard.subject(model)
    seen = guard.watch.look(subject, now)
    if verdict_of(seen, now) is Verdict.PROBE:

        def win(breaker: Breaker) -> Breaker | None:
            if verdict_of(breaker, now) is not Verdict.PROBE:
                return None
            return half_open(breaker, prober=call.key, until=call.until)

        if guard.watch.change(subject, win) is not None:
            guarded.probes.append(model)
            return None
        seen = guard.watch.look(subject, now)
    if verdict_of(seen, now) is Verdict.PASS:
        return None
    assert seen.retry_at is not None
    soon = now + PROBE_RETRY
    return soon if seen.state is State.HALF_OPEN else max(seen.retry_at, now + timedelta(seconds=1))


def _report(guard: Guard, model: str, result: UpstreamResult, now: datetime, *, prober: str | None) -> None:
    sign = sign_of(result)
    known = [at for at in guard.successes.get(model, []) if now - at < guard.rules.window]
    if sign is Sign.HEALTHY:
        guard.successes[model] = [*known, now]
        if prober is None:
            return
    code = (result.code or str(result.status)) if isinstance(result, Declined) else getattr(result, "code", "not_sent")
    report = Report(sign=sign, code=code, now=now, successes=len(known), prober=prober, jitter=guard.jitter())
    changed = guard.watch.change(guard.subject(model), lambda breaker: after(breaker, report, guard.rules))
    if changed is not None:
        guard.successes.pop(model, None)
        _alert(guard, *changed)
    if sign is Sign.STOPPED:
        guard.alerts.tell("UpstreamQuotaExhausted", {"upstream": guard.upstream, "model": model, "code": code})


def _alert(guard: Guard, before: Breaker, now_stands: Breaker) -> None:
    if before.state is now_stands.state:
        return
    event = "BreakerClosed" if now_stands.state is State.CLOSED else "BreakerOpened"
    facts = {"id": now_stands.id, "model": now_stands.subject.model, "reason": now_stands.reason}
    guard.alerts.tell(event, facts | {"failures": now_stands.failures, "openings": now_stands.openings})


def _check_loops(guard: Guard, call: Call, now: datetime) -> None:
    if call.agent is None:
        return
    for fingerprint in {None, call.fingerprint}:
        breaker = guard.watch.look(_loop_of(call, fingerprint), now)
        if verdict_of(breaker, now) is Verdict.WAIT and breaker.retry_at is not None:
            what = "That request" if fingerprint is not None else "It"
            raise LoopRefused(
                f"Agent {call.agent!r} {breaker.reason}. {what} is refused until {breaker.retry_at:%H:%M:%S} UTC.",
                remedy=f"End the agent's loop, or change what it asks; an admin lifts this with DELETE /api/breakers/{breaker.id}.",
                retry_at=breaker.retry_at,
            )


def _loop_of(call: Call, fingerprint: str | None) -> Subject:
    return Subject(kind=Kind.LOOP, tenant_id=call.tenant_id, agent=call.agent, fingerprint=fingerprint)


def _stop_agent(guard: Guard, call: Call, fingerprint: str | None, seen: str, now: datetime) -> None:
    subject = _loop_of(call, fingerprint)

    def trip(breaker: Breaker) -> Breaker | None:
        if verdict_of(breaker, now) is Verdict.WAIT:
            return None
        return tripped(breaker, subject, reason=seen, now=now, rules=guard.loop_rules)

    if guard.watch.change(subject, trip) is not None:
        facts = {"id": subject.id, "tenantId": call.tenant_id, "agent": call.agent, "reason": seen}
        guard.alerts.tell("LoopFound", facts)
