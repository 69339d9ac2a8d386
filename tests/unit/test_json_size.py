"""What is small on the wire and large in memory is found before anything is made of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.json_size import VALUES_MAX, has_more_values
from tollgate.edge.http import read_json
from tollgate.edge.v1_wire import v1_embeddings

TEXTS = st.text(st.sampled_from('[]{},:"\\\n a\ud83d')) | st.text()
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


def values_in(value: Any) -> int:
    match value:
        case dict():
            return max(1, len(value)) + sum(map(values_in, value.values()))
        case list():
            return max(1, len(value)) + sum(map(values_in, value))
        case _:
            return 0


@given(value=VALUES, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_the_values_of_a_text_are_those_of_what_it_says(value: Any, indent: int | None, *, ascii_only: bool) -> None:
    text, values = json.dumps(value, indent=indent, ensure_ascii=ascii_only), values_in(value)

    assert not has_more_values(text, values)
    assert values == 0 or has_more_values(text, values - 1)


@given(text=TEXTS, most=st.integers(0, 5))
def test_what_is_no_json_has_at_the_most_as_many_as_it_has_brackets_and_commas(text: str, most: int) -> None:
    if has_more_values(text, most):
        assert sum(map(text.count, ",[{")) > most


def test_a_long_text_full_of_commas_is_one_value() -> None:
    said = {"messages": [{"role": "user", "content": "a, b, [c] " * VALUES_MAX}]}

    assert read_json(json.dumps(said)) == said


def test_too_many_values_are_refused_in_words() -> None:
    with pytest.raises(RequestInvalid, match="more than 100,000 values"):
        read_json(json.dumps({"messages": [[]] * VALUES_MAX}))


def test_embeddings_take_as_many_tokens_as_the_provider() -> None:
    rows = [[1] * 147] * 2_040

    asked = v1_embeddings(json.dumps({"model": "text-embedding-3-small", "input": rows}), {})

    assert asked.tokens_max == 147 * 2_040
    with pytest.raises(RequestInvalid, match="more than 400,000 values"):
        v1_embeddings(json.dumps({"model": "text-embedding-3-small", "input": [1] * 400_001}), {})
