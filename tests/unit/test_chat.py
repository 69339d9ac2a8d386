import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.ledger_world import DEAR, TwoPrices, a_price, a_tenant
from tollgate.domain.chat import (
    CHOICES_MAX,
    ChatRequest,
    bound_by_bytes,
    bound_by_count,
    output_limit,
    parse_chat,
    upstream_body,
)
from tollgate.domain.chat_fields import FIELDS, REFUSED
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.span import Attribution

DEAR_MODEL = TwoPrices().model_of("dear")
UNPACK = Path(__file__).parents[2] / "layers" / "encodings" / "unpack.py"
# Runs that merge badly, scripts that take several tokens a letter, and words that look like special tokens.
HARD = st.sampled_from(
    [
        "<|endoftext|>",
        "<|im_start|>",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "ﷺ",
        "ꙮ",
        "\u200b" * 5,
        "  \n\t",
        "0" * 17,
        "aAaAaA",
        "𒐫",
        "\x00",
        "한국어",
        "ðŸ",
    ]
)
LETTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.lists(st.text(LETTERS, max_size=30) | HARD, max_size=5).map("".join)
WORDS = st.text(LETTERS, min_size=1, max_size=12)
SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def a_chat(**fields: Any) -> ChatRequest:
    return parse_chat(
        {"messages": [{"role": "user", "content": "hello"}]} | fields, Attribution(), default_model="dear"
    )


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The counter of production, with the tables of the layer."""
    target = tmp_path_factory.mktemp("encodings")
    specification = importlib.util.spec_from_file_location("unpack_encodings", UNPACK)
    assert specification is not None
    assert specification.loader is not None
    unpack = importlib.util.module_from_spec(specification)
    sys.modules["unpack_encodings"] = unpack
    specification.loader.exec_module(unpack)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(unpack.unpack(target)))
        from tollgate.adapters.tiktoken_counter import TiktokenCounter

        yield TiktokenCounter()


@st.composite
def chats(draw: st.DrawFn) -> ChatRequest:
    parts = st.builds(lambda text: {"type": "text", "text": text}, TEXTS)
    message = st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "tool"]),
            "content": TEXTS | st.lists(parts, max_size=4),
        },
        optional={"name": WORDS},
    )
    tool = st.fixed_dictionaries(
        {"type": st.just("function"), "function": st.fixed_dictionaries({"name": WORDS, "parameters": SCHEMAS})}
    )
    return a_chat(
        messages=draw(st.lists(message, min_size=1, max_size=4)), tools=draw(st.none() | st.lists(tool, max_size=2))
    )


def _as_counted_by_openai(chat: ChatRequest, count: Any) -> int:
    """The cookbook's recipe for messages: 3 tokens each, 1 for a name, every value, 3 for the reply."""
    total = 3
    for message in chat.body["messages"]:
        content = message["content"]
        whole = content if isinstance(content, str) else "".join(part["text"] for part in content)
        total += (
            3 + count([message["role"]]) + count([whole]) + (1 + count([message["name"]]) if "name" in message else 0)
        )
    return total


@given(chats())
@settings(max_examples=150)
def test_both_bounds_cover_what_openai_counts(counter: Any, chat: ChatRequest) -> None:
    by_bytes = bound_by_bytes(chat, a_tenant(), DEAR)
    by_count = bound_by_count(chat, counter.count(chat.texts), a_tenant(), DEAR)

    assert _as_counted_by_openai(chat, counter.count) <= by_count.input <= by_bytes.input


def test_a_field_that_is_not_sent_is_not_held_for() -> None:
    assert a_chat().texts == a_chat(tools=None).texts == ("user", "hello")


@given(st.lists(TEXTS, max_size=6))
def test_no_text_has_more_tokens_than_bytes(counter: Any, texts: list[str]) -> None:
    assert counter.count(texts) <= sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize("text", ["a" * 30_000, " " * 30_000, "word " * 50_000])
def test_what_takes_too_long_to_count_is_taken_by_its_bytes(counter: Any, text: str) -> None:
    assert counter.count([text]) == len(text)


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"model", "messages"}))
def test_every_field_that_is_let_through_reaches_the_upstream_or_is_set_by_the_gate(name: str) -> None:
    values: dict[str, Any] = {
        "n": 2,
        "max_tokens": 5,
        "max_completion_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": False},
        "service_tier": "auto",
        "modalities": ["text"],
        "prompt_cache_options": {"mode": "explicit"},
        "tools": [{"type": "function"}],
        "functions": [{"name": "f"}],
        "metadata": {"runId": "1"},
        "store": True,
    }

    body = upstream_body(a_chat(**{name: values.get(name, "x")}), DEAR, DEAR_MODEL, output_tokens=5)

    assert (body["model"], body["service_tier"], body["max_tokens"]) == ("dear", "default", 5)
    assert "max_completion_tokens" not in body
    assert name in {"metadata", "max_completion_tokens", "stream_options"} or name in body


@pytest.mark.parametrize("name", [*sorted(REFUSED), "file_search", "max_output_tokens"])
def test_what_cannot_be_bounded_is_refused_by_name(name: str) -> None:
    with pytest.raises(NotBounded, match=name):
        a_chat(**{name: {"anything": 1}})


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "hello"},
        {"messages": ["hello"]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"tools": [{"function": {"\ud800": 1}}]},
        {"model": 5},
        {"n": 0},
        {"n": CHOICES_MAX + 1},
        {"n": True},
        {"max_tokens": -1},
        {"max_completion_tokens": 1.5},
        {"service_tier": "priority"},
        {"modalities": ["text", "audio"]},
        {"stream": "yes"},
        {"stream_options": []},
    ],
)
def test_a_request_that_cannot_be_bounded_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        a_chat(**fields)


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, 1024),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 9, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 16384}, 4096),
    ],
)
def test_what_is_held_is_what_is_sent_as_the_maximum(fields: dict[str, Any], output: int) -> None:
    price = a_price("small")
    price = type(price)(model="small", rates=price.rates, input_max=100, output_max=4096, max_tokens_refused=True)
    chat = a_chat(n=3, **fields)

    bound = bound_by_bytes(chat, a_tenant(), price)

    assert (bound.output, bound.choices, bound.tokens) == (output, 3, bound.input + 3 * output)
    assert upstream_body(chat, price, DEAR_MODEL, output_tokens=bound.output)["max_completion_tokens"] == output


def test_more_output_than_the_tenant_may_ask_for_is_refused() -> None:
    with pytest.raises(RequestInvalid, match="16384"):
        output_limit(a_chat(max_tokens=16385), a_tenant(), DEAR)


def test_a_stream_is_always_asked_for_its_usage() -> None:
    body = upstream_body(
        a_chat(stream=True, stream_options={"include_usage": False, "include_obfuscation": False}),
        DEAR,
        DEAR_MODEL,
        output_tokens=5,
    )

    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}
