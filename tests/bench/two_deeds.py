"""A hold and its settlement, whole and in the pieces that are Tollgate's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from tests.bench.busy_page import noon
from tests.bench.busy_shop import a_menu, labels, settlement, wanted
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.adapters.posting_write import update_of
from tollgate.domain.page import Page
from tollgate.domain.posting import Posting, apply, open_hold, refusal_of, settle_hold, terms_of
from tollgate.domain.tenant import TenantSettings
from tollgate.usecases.settle_hold import Place, settle
from tollgate.usecases.take_hold import Taken, take_hold

TABLE = "ledger"
DAY = 12
AT = noon(DAY)
UNTIL = AT + timedelta(seconds=60)
Parts = dict[str, Callable[[], object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """`whole`: the use case; `parts`: ours in it, each by itself; `aside`: pure functions that a write that is let in does not need;
    `request`: what it sends."""

    name: str
    whole: Callable[[], object]
    parts: Parts
    aside: Parts
    request: Mapping[str, Any]


def two_deeds(client: Any, settings: TenantSettings, page: Page) -> tuple[Deed, Deed]:
    """The server answers with `page`, whatever it is sent."""
    ledger = DynamoDbLedger(client, TABLE)
    taken = _take(ledger, client, settings)
    return _holding(ledger, client, settings, page, taken), _settling(ledger, settings, page, taken)


def _take(ledger: DynamoDbLedger, client: Any, settings: TenantSettings) -> Taken:
    return take_hold(
        wanted(settings, AT),
        a_menu(AT),
        settings,
        ledger=ledger,
        accounts=DynamoDbAccounts(client, TABLE),
        clock=lambda: AT,
        until=UNTIL,
    )


def _holding(ledger: DynamoDbLedger, client: Any, settings: TenantSettings, page: Page, taken: Taken) -> Deed:
    asked, menu, accounts = wanted(settings, AT), a_menu(AT), DynamoDbAccounts(client, TABLE)
    opening = partial(open_hold, taken.hold, at=AT, under_soft_cap=True)
    posting = opening()
    render = partial(update_of, posting, settings, table=TABLE, tenant_id=settings.tenant_id, month=page.month)
    return Deed(
        name="hold",
        whole=lambda: take_hold(asked, menu, settings, ledger=ledger, accounts=accounts, clock=lambda: AT, until=UNTIL),
        parts={
            "domain: open_hold": opening,
            "domain: terms_of": partial(terms_of, settings, posting, page.month),
            "rendering: update_of": render,
        },
        aside=_pure(page, settings, posting),
        request=render(),
    )


def _settling(ledger: DynamoDbLedger, settings: TenantSettings, page: Page, taken: Taken) -> Deed:
    settled, span = settlement(taken.hold, a_menu(AT), labels(settings, 0), AT)
    place = Place(tenant_id=settings.tenant_id, month=page.month, hold=taken.hold, seen=taken.page)
    closing = partial(
        settle_hold, taken.hold, cost=settled.cost, tokens=settled.tokens, span=span, at=AT, seen=taken.page
    )
    posting = closing()
    render = partial(update_of, posting, None, table=TABLE, tenant_id=settings.tenant_id, month=page.month)
    held = apply(page, open_hold(taken.hold, at=AT, under_soft_cap=True))
    return Deed(
        name="settlement",
        whole=lambda: settle(place, settled, span, ledger, clock=lambda: AT, until=UNTIL),
        parts={"domain: settle_hold": closing, "rendering: update_of": render},
        aside=_pure(held, settings, posting),
        request=render(),
    )


def _pure(page: Page, settings: TenantSettings, posting: Posting) -> Parts:
    return {
        "refusal_of": partial(refusal_of, page, settings, posting),
        "apply": partial(apply, page, posting),
    }
