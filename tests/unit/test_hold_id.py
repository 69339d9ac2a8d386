import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.errors import HoldNotYours, RequestInvalid
from tollgate.domain.hold_id import PATTERN, HoldId, draw_key, kind_of, parse_check_id, parse_hold_id
from tollgate.domain.page import HoldKind


@given(st.from_regex(PATTERN, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_a_hold_s_id_says_its_page_its_day_and_its_key(text: str) -> None:
    assert str(parse_hold_id(text)) == text


def test_the_parts_of_an_id_stay_apart() -> None:
    assert parse_hold_id("2026-11.23.Zk3vQ0a1xY_9") == HoldId("2026-11", "23", "Zk3vQ0a1xY_9")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-13.01.Zk3vQ0a1xY_9",
        "2026-00.01.Zk3vQ0a1xY_9",
        "2026-11.00.Zk3vQ0a1xY_9",
        "2026-11.32.Zk3vQ0a1xY_9",
        "2026-11.23.short",
        "2026-11.23.Zk3vQ0a1xY_9x",
        "2026-11.23.Zk3vQ0a1xY.9",
        "2026-11.23.Zk3vQ0a1xY_9\n",
        " 2026-11.23.Zk3vQ0a1xY_9",
        "٢٠٢٦-11.23.Zk3vQ0a1xY_9",
    ],
)
def test_what_cannot_be_an_id_names_no_attribute_of_a_page(text: str) -> None:
    with pytest.raises(RequestInvalid):
        parse_hold_id(text)


@given(st.sampled_from(HoldKind), st.lists(st.from_regex(r"[A-Za-z0-9_-]{12}", fullmatch=True), min_size=1))
def test_a_key_tells_its_kind_whatever_is_drawn(kind: HoldKind, drawn: list[str]) -> None:
    draws = iter([*drawn, "Aa1234567890", "aA1234567890"])

    assert kind_of(draw_key(kind, lambda: next(draws))) is kind


def test_the_id_of_a_call_is_no_record_s_whether_or_not_its_hold_is_still_there() -> None:
    assert parse_check_id("2026-11.23.zk3vQ0a1xY_9").kind is HoldKind.CHECK
    with pytest.raises(HoldNotYours):
        parse_check_id("2026-11.23.Zk3vQ0a1xY_9")
