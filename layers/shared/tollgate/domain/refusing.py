"""From the page that refused a hold to the refusal that a person reads."""

from datetime import UTC, datetime, timedelta

from tollgate.domain.page import Page, Use
from tollgate.domain.posting import Fault, Posting
from tollgate.domain.refusal import Reason, Refusal, WindowFacts
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import day_end, month_end

IN_FLIGHT_RETRY = timedelta(seconds=2)

REASONS = {
    Fault.SUSPENDED: Reason.SUSPENDED,
    Fault.SOFT_ZONE: Reason.SOFT_CAP,
    Fault.MONTHLY_BUDGET: Reason.MONTHLY_BUDGET,
    Fault.DAILY_BUDGET: Reason.DAILY_BUDGET,
    Fault.TOKEN_BUDGET: Reason.TOKEN_BUDGET,
    Fault.AGENT_BUDGET: Reason.AGENT_BUDGET,
    Fault.IN_FLIGHT: Reason.IN_FLIGHT,
    Fault.CLOSED_FULL: Reason.IN_FLIGHT,
    Fault.RATE: Reason.RATE,
}


def refusal_from(page: Page, settings: TenantSettings, posting: Posting, fault: Fault) -> Refusal:
    """`fault` is one for which nothing is left to be tried. The window is the one that has no room, a day before a month."""
    hold = posting.opens
    assert hold is not None
    window, ends_at = _window(page, settings, posting, fault)
    return Refusal(
        reason=REASONS[fault],
        tenant_id=page.tenant_id,
        asked=hold.amount,
        window=window,
        agent=hold.agent,
        retry_at=_retry_at(fault, posting.at, ends_at),
    )


def _retry_at(fault: Fault, at: datetime, ends_at: datetime) -> datetime:
    match fault:
        case Fault.RATE:
            return datetime.fromtimestamp((int(at.timestamp()) // 60 + 1) * 60, UTC)
        case Fault.IN_FLIGHT | Fault.CLOSED_FULL:
            return at + IN_FLIGHT_RETRY
        case _:
            return ends_at


def _window(
    page: Page, settings: TenantSettings, posting: Posting, fault: Fault
) -> tuple[WindowFacts | None, datetime]:
    day = f"{page.month}-{posting.day}"
    day_ends, month_ends = day_end(page.month, posting.day, settings.zones), month_end(page.month, settings.zones)
    daily, monthly = settings.limit_of(day, posting.at), settings.limit_of(page.month, posting.at)
    of_day, of_month = _money(day, daily, page.day(posting.day)), _money(page.month, monthly, page.use)
    match fault:
        case Fault.MONTHLY_BUDGET:
            return of_month, month_ends
        case Fault.DAILY_BUDGET:
            return of_day, day_ends
        case Fault.SOFT_ZONE:
            month_is_soft = page.use.spent >= settings.soft_amount(monthly)
            return (of_month, month_ends) if month_is_soft else (of_day, day_ends)
        case Fault.TOKEN_BUDGET:
            return _token_window(page, settings, posting, day_ends, month_ends)
        case Fault.AGENT_BUDGET:
            return _agent_window(page, settings, posting, day_ends, month_ends)
        case _:
            return None, day_ends


def _token_window(
    page: Page, settings: TenantSettings, posting: Posting, day_ends: datetime, month_ends: datetime
) -> tuple[WindowFacts, datetime]:
    daily, today = settings.daily_token_limit, page.day(posting.day)
    if daily is not None and today.tokens + posting.tokens > daily:
        return _tokens(f"{page.month}-{posting.day}", daily, today), day_ends
    return _tokens(page.month, settings.monthly_token_limit or 0, page.use), month_ends


def _agent_window(
    page: Page, settings: TenantSettings, posting: Posting, day_ends: datetime, month_ends: datetime
) -> tuple[WindowFacts, datetime]:
    hold = posting.opens
    assert hold is not None
    assert hold.agent is not None
    limits, use = settings.agents[hold.agent], page.agent(hold.agent)
    today = use.days.get(posting.day, Use())
    if limits.daily is not None and today.used + hold.amount > limits.daily:
        return _money(f"{page.month}-{posting.day}", limits.daily, today), day_ends
    return _money(page.month, limits.monthly or 0, use.month), month_ends


def _money(name: str, limit: int, use: Use) -> WindowFacts:
    return WindowFacts(name=name, limit=limit, spent=use.spent, held=use.held)


def _tokens(name: str, limit: int, use: Use) -> WindowFacts:
    """Tokens of settled and held calls are one number on the page, so all of it shows as spent."""
    return WindowFacts(name=name, limit=limit, spent=use.tokens, held=0)
