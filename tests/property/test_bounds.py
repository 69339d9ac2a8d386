"""Bytes bound the count, and the count bounds what OpenAI counts: by both encodings, with the cookbook's overheads, on whatever is sent.

https://github.com/openai/openai-cookbook, examples/How_to_count_tokens_with_tiktoken.ipynb
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.ledger_world import DEAR, a_tenant
from tollgate.domain.chat import ChatRequest, bound_by_bytes, bound_by_count, parse_chat
from tollgate.domain.span import Attribution
from tollgate.domain.tokenizer import CL100K, O200K

UNPACK = Path(__file__).parents[2] / "layers" / "encodings" / "unpack.py"
Count = Callable[[str], int]
CODE = [
    "def price(tokens: int) -> int:\n    return -(-tokens * RATE // 10**6)\n",
    "SELECT sum(cost) FROM spans WHERE tenant = 'shop';\r\n",
    '{"a":[1,2.5e-7,{"b":null}],"c":"\\u00e9"}',
    "\t\tif (x!==null&&y>=0x1F){return `${x}:${y}`;}\n\n\n",
    "aGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IHRleHQ=",
    "https://example.com/a/b/c?d=%20%F0%9F%94%A5#e",
]
HARD = [
    "<|endoftext|>",
    "<|im_start|>",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "ﷺ",
    "𒐫",
    "\u200b",
    "  \n\t",
    "İ",
    "aAaAaA",
    "\x00",
    "한국어",
    "ðŸ",
    "'s'll",
    "\x1c\x1f",
    "\u0301",
]
LETTERS = st.characters(exclude_categories=["Cs"])
RUNS = st.builds(lambda text, times: text * times, st.text(LETTERS, min_size=1, max_size=2), st.integers(1, 3_000))
TEXTS = st.lists(st.text(LETTERS, max_size=30) | st.sampled_from(HARD + CODE) | RUNS, max_size=5).map("".join)
WORDS = st.text(LETTERS, min_size=1, max_size=12)
LEAVES = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "boolean"])},
    optional={"description": st.text(LETTERS, max_size=40), "enum": st.lists(WORDS, min_size=1, max_size=4)},
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(WORDS, inner, max_size=4)},
        optional={"description": st.text(LETTERS, max_size=40)},
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tables of the layer, where tiktoken finds them."""
    specification = importlib.util.spec_from_file_location("unpack_encodings", UNPACK)
    assert specification is not None
    assert specification.loader is not None
    unpack = importlib.util.module_from_spec(specification)
    sys.modules["unpack_encodings"] = unpack
    specification.loader.exec_module(unpack)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(unpack.unpack(tmp_path_factory.mktemp("encodings"))))
        yield


@pytest.fixture(scope="module")
def counter(tables: None) -> Any:
    """The counter of production."""
    from tollgate.adapters.tiktoken_counter import TiktokenCounter

    return TiktokenCounter()


@pytest.fixture(scope="module")
def encodings(tables: None) -> Mapping[str, Count]:
    """What each encoding says, however long it takes."""
    import tiktoken

    by_name = {name: tiktoken.get_encoding(name) for name in (O200K, CL100K)}
    return {name: lambda text, each=each: len(each.encode_ordinary(text)) for name, each in by_name.items()}


@st.composite
def chats(draw: st.DrawFn) -> ChatRequest:
    parts = st.builds(lambda text: {"type": "text", "text": text}, TEXTS)
    call = st.fixed_dictionaries(
        {
            "id": WORDS,
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": WORDS, "arguments": TEXTS}),
        }
    )
    message = st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "tool"]),
            "content": TEXTS | st.lists(parts, max_size=3),
        },
        optional={"name": WORDS, "tool_calls": st.lists(call, max_size=3)},
    )
    inner = st.fixed_dictionaries({"name": WORDS, "description": TEXTS, "parameters": SCHEMAS})
    tool = st.builds(lambda function: {"type": "function", "function": function}, inner)
    form = st.builds(lambda schema: {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}, SCHEMAS)
    body = {
        "messages": draw(st.lists(message, min_size=1, max_size=4)),
        "tools": draw(st.none() | st.lists(tool, min_size=1, max_size=3)),
        "response_format": draw(st.none() | form),
    }
    return parse_chat(body, Attribution(), default_model="dear")


def as_counted_by_openai(body: Mapping[str, Any], count: Count) -> int:
    """The cookbook's recipe, at its dearest: 4 tokens a message, 1 a name, 10 a function; 3 for the reply."""
    total = 3 + sum(_message(message, count) for message in body["messages"])
    tools = [tool["function"] for tool in body.get("tools") or ()]
    for function in tools:
        total += (
            10 + count(f"{function['name']}:{function['description']}") + _properties(function["parameters"], count)
        )
    total += 12 if tools else 0
    form = body.get("response_format")
    return total + (_properties(form["json_schema"]["schema"], count) if form else 0)


def _message(message: Mapping[str, Any], count: Count) -> int:
    content = message["content"]
    total = 4 + count(message["role"])
    total += count(content) if isinstance(content, str) else count("".join(part["text"] for part in content))
    for call in message.get("tool_calls") or ():
        total += 3 + count(call["function"]["name"]) + count(call["function"]["arguments"])
    return total + (1 + count(message["name"]) if "name" in message else 0)


def _properties(schema: Mapping[str, Any], count: Count) -> int:
    properties = schema.get("properties") or {}
    total = 3 if properties else 0
    for name, inner in properties.items():
        total += 3 + count(f"{name}:{inner['type']}:{inner.get('description', '')}")
        if enum := inner.get("enum"):
            total += -3 + sum(3 + count(item) for item in enum)
        total += _properties(inner, count)
    return total


@given(chats())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_bytes_bound_the_count_and_the_count_bounds_what_openai_counts(
    counter: Any, encodings: Mapping[str, Count], chat: ChatRequest
) -> None:
    by_bytes = bound_by_bytes(chat, a_tenant(), DEAR).input
    by_count = bound_by_count(chat, counter.count(chat.texts), a_tenant(), DEAR).input

    assert as_counted_by_openai(chat.body, encodings[O200K]) <= by_count <= by_bytes
    assert as_counted_by_openai(chat.body, encodings[CL100K]) <= by_bytes


@given(st.lists(TEXTS, max_size=6))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_has_more_tokens_than_bytes(counter: Any, encodings: Mapping[str, Count], texts: list[str]) -> None:
    size = sum(len(text.encode()) for text in texts)

    assert sum(map(encodings[O200K], texts)) <= counter.count(texts) <= size
    assert sum(map(encodings[CL100K], texts)) <= size


def test_a_count_by_one_encoding_bounds_no_other(counter: Any, encodings: Mapping[str, Count]) -> None:
    """Why models of the older encoding are bounded by bytes."""
    text = "\x93" * 18

    assert encodings[CL100K](text) > counter.count([text]) == encodings[O200K](text)
