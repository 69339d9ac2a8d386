from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.lifecycle import Lifetime, ending, ends_that_differ, successor

END = date(2027, 1, 14)
MINI = Lifetime(model="mini", shutdown=END, replacement="luna")
LUNA = Lifetime(model="luna")
DAYS = st.dates(date(2026, 1, 1), date(2028, 1, 1))


@pytest.mark.parametrize(("day", "served"), [(END - timedelta(days=1), True), (END, False)])
def test_a_model_is_served_until_the_day_before_its_end(day: date, served: bool) -> None:
    assert MINI.is_served(day) is served
    assert LUNA.is_served(day)


@pytest.mark.parametrize(
    ("days_before", "said"), [(61, None), (60, "in 60 days"), (1, "in 1 days"), (0, "ended on 2027-01-14")]
)
def test_the_end_is_told_from_sixty_days_before_on(days_before: int, said: str | None) -> None:
    sentence = ending(MINI, END - timedelta(days=days_before))

    assert (sentence is None) if said is None else (said in str(sentence) and "luna" in str(sentence))


@given(DAYS)
def test_a_model_without_an_end_is_never_warned_of_and_its_own_successor(day: date) -> None:
    assert ending(LUNA, day) is None
    assert successor("luna", day, {"luna": LUNA}.get) == "luna"


@given(DAYS)
def test_a_replacement_takes_over_on_the_day_of_the_end(day: date) -> None:
    assert successor("mini", day, {"mini": MINI, "luna": LUNA}.get) == ("mini" if day < END else "luna")


LIFETIMES = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.none() | DAYS, st.none() | st.sampled_from("abcde")), min_size=1
)


@given(LIFETIMES, DAYS)
def test_a_chain_of_replacements_ends_at_a_model_that_is_served_or_nowhere(
    chain: dict[str, tuple[date | None, str | None]], day: date
) -> None:
    known = {name: Lifetime(model=name, shutdown=end, replacement=then) for name, (end, then) in chain.items()}

    found = successor("a", day, known.get)

    assert found is None or known[found].is_served(day)
    if "a" in known and known["a"].is_served(day):
        assert found == "a"


def test_only_days_that_differ_and_models_that_we_know_are_kept() -> None:
    shipped = {"mini": END, "luna": None, "old": END}
    told = {"mini": END, "luna": date(2028, 1, 1), "old": None, "strange": END}

    assert ends_that_differ(shipped, told) == {"luna": date(2028, 1, 1), "old": None}


def test_a_server_that_names_no_day_at_all_lifts_none_of_ours() -> None:
    assert ends_that_differ({"mini": END}, {"mini": None, "luna": None}) == {}
