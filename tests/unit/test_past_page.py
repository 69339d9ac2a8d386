from datetime import UTC, datetime

import pytest

from tests.fakes.ledger_world import a_hold, a_tomb
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Page, Use
from tollgate.domain.past_page import Fate, PageBooks, PastPage, fate_of, first_kept_month

SPENT = Use(used=NanoUsd(7), spent=NanoUsd(7))
PAGE = Page(tenant_id="shop", month="2024-03", version=1, use=SPENT, seq=3)
BOOKS = PageBooks(tenant_id="shop", month="2024-03", count=3, numbers=3, seq=3, spent=NanoUsd(7))


def books(**fields: object) -> PageBooks:
    usual = {"count": 3, "numbers": 3, "seq": 3, "spent": NanoUsd(7)}
    return PageBooks(tenant_id="shop", month="2024-03", **(usual | fields))  # type: ignore[arg-type]


def page(**fields: object) -> PastPage:
    usual: dict[str, object] = {"use": SPENT, "seq": 3}
    return PastPage(page=Page(tenant_id="shop", month="2024-03", version=1, **(usual | fields)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "month"),
    [
        (datetime(2026, 11, 24, tzinfo=UTC), "2025-10"),
        # In Honolulu the month before is not over yet.
        (datetime(2026, 12, 1, 9, tzinfo=UTC), "2025-10"),
        (datetime(2026, 12, 2, 1, tzinfo=UTC), "2025-11"),
        (datetime(2027, 1, 15, tzinfo=UTC), "2025-12"),
    ],
)
def test_a_month_is_kept_until_thirteen_months_after_its_end_in_every_time_zone(now: datetime, month: str) -> None:
    assert first_kept_month(now) == month


@pytest.mark.parametrize(
    ("past", "stored", "fate"),
    [
        (page(), books(), Fate.EXPIRE),
        (page(epoch=2), books(epoch=1), Fate.EXPIRE),
        (page(use=Use(), seq=0), books(count=0, numbers=0, seq=0, spent=NanoUsd(0)), Fate.EXPIRE),
        (page(holds={"k": a_hold()}), books(), Fate.SOMETHING_HELD),
        (page(closed={"k": a_tomb()}), books(), Fate.SOMETHING_HELD),
        (page(), books(count=2, numbers=2), Fate.SPANS_MISSING),
        (page(), books(count=2, numbers=2, seq=2), Fate.SPANS_MISSING),
        (page(), books(count=0, numbers=0, seq=0, spent=NanoUsd(0)), Fate.SPANS_MISSING),
        # One span lost, another stored twice under two epochs: as many as there should be.
        (page(), books(count=3, numbers=2, epoch=1), Fate.SPANS_MISSING),
        (page(), books(count=2, numbers=2, lost=1), Fate.EXPIRE),
        (page(), books(count=1, numbers=1, lost=1), Fate.SPANS_MISSING),
        (page(), books(count=2, numbers=2, lost=1, spent=NanoUsd(6)), Fate.SUMS_DIFFER),
        (page(), books(spent=NanoUsd(8)), Fate.SUMS_DIFFER),
        (page(use=Use(used=NanoUsd(8), spent=NanoUsd(7))), books(), Fate.SUMS_DIFFER),
    ],
)
def test_a_page_goes_only_if_nothing_is_held_and_postgres_has_all_its_spans(
    past: PastPage, stored: PageBooks, fate: Fate
) -> None:
    assert fate_of(past, stored) is fate


def test_a_page_that_moved_after_its_end_was_decided_is_kept_after_all() -> None:
    unmoved = PastPage(page=PAGE, expires_at=1, expires_seq=3)
    moved = PastPage(page=PAGE, expires_at=1, expires_seq=2)
    holding = PastPage(page=page(holds={"k": a_hold()}).page, expires_at=1, expires_seq=3)

    assert [fate_of(each, BOOKS) for each in (unmoved, moved, holding)] == [
        Fate.EXPIRING,
        Fate.KEEP_AFTER_ALL,
        Fate.KEEP_AFTER_ALL,
    ]
