import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.hold_id import PATTERN, HoldId, parse_hold_id


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
