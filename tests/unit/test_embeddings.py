"""Requests for embeddings: what is let through, how it is bounded, and what goes up."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.openai_server.embedding import parse_embeddings as count_as_the_provider
from tests.fakes.ledger_world import CountsLetters, a_tenant, labels
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.embeddings import INPUTS_MAX, TOKENS_MAX, EmbeddingsRequest, parse_embeddings
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.usecases.complete_chat import chat_menu

BOOK = FilePriceBook()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SMALL = "text-embedding-3-small"
MODEL, PRICE = BOOK.model_of(SMALL), BOOK.price_of(SMALL, NOW)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
ROWS = st.lists(st.integers(0, 100_000), min_size=1, max_size=50)


def asked(given: Any, **more: Any) -> EmbeddingsRequest:
    return parse_embeddings({"model": SMALL, "input": given} | more, labels())


@pytest.mark.usefixtures("token_tables")
@given(TEXTS | st.lists(TEXTS, min_size=1, max_size=5) | ROWS | st.lists(ROWS, min_size=1, max_size=5))
def test_the_bound_is_never_below_what_the_provider_counts(given: Any) -> None:
    counted = count_as_the_provider({"model": SMALL, "input": given})

    bound = asked(given).by_bytes(a_tenant(), PRICE)

    assert bound.input >= sum(len(tokens) for tokens in counted.inputs)
    assert bound.output == 0


def test_rows_of_tokens_are_bounded_exactly() -> None:
    assert asked([[1, 2, 3], [4]]).tokens_max == 4
    assert asked([1, 2, 3]).tokens_max == 3


def test_no_request_is_held_for_more_than_the_provider_takes() -> None:
    assert asked(["x" * TOKENS_MAX, "y"]).tokens_max == TOKENS_MAX


@pytest.mark.parametrize(
    "given",
    [None, "", [], [""], [[]], {}, 7, [True], [-1], [1, "x"], ["x", 1], [[1], "x", None], [[1.5]], [[[1]]]],
    ids=repr,
)
def test_what_is_neither_text_nor_tokens_is_refused(given: Any) -> None:
    with pytest.raises(RequestInvalid) as error:
        asked(given)

    assert error.value.param == "input"


def test_one_input_too_many_is_refused() -> None:
    asked(["x"] * INPUTS_MAX)

    with pytest.raises(RequestInvalid):
        asked(["x"] * (INPUTS_MAX + 1))


@pytest.mark.parametrize("field", ["service_tier", "frobnicate", "stream"])
def test_another_field_is_refused_by_name(field: str) -> None:
    with pytest.raises(NotBounded, match=field) as error:
        asked("x", **{field: "flex"})

    assert error.value.param == field


def test_the_caller_gets_the_encoding_that_he_asked_for_and_floats_if_none() -> None:
    given = asked("x", encoding_format="base64", dimensions=64, user="u")

    assert given.sent(MODEL, PRICE, output_tokens=0) == dict(given.body)
    assert asked("x").sent(MODEL, PRICE, output_tokens=0)["encoding_format"] == "float"


def test_no_other_model_is_ever_offered_because_its_vectors_would_not_compare() -> None:
    settings = a_tenant(downgrade_chains={"text-embedding-3-large": (SMALL,)})
    request = parse_embeddings({"model": "text-embedding-3-large", "input": "x"}, labels())

    menu = chat_menu(request, settings, BOOK, CountsLetters(), at=NOW)

    assert menu.cheaper == ()
    assert not menu.asked.under_soft_cap, "and so the soft zone does not bar it"


def test_an_indexer_may_embed_the_same_text_again_and_again() -> None:
    assert asked("x").fingerprint is None
