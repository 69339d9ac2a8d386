"""Whatever the gate lets through costs no more than it holds, with the local OpenAI answering its worst: by the real client, over HTTP.

Some calls have only as much left as their input by count costs, or less: then the count is what is held by.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.openai_server.application import application
from infra.local.openai_server.books import Books as ServedBooks
from infra.local.openai_server.connection import ConnectedProtocol
from infra.local.openai_server.organization import Organization
from infra.local.openai_server.service import Service
from infra.local.openai_server.tokens import prepare_tables
from tests.fakes.ledger_world import MONTH, NOON, a_tenant, books_in_memory, keys
from tests.fakes.memory_ledger import MemoryTable
from tests.fakes.pictures import data_url, gif, png, webp
from tollgate.adapters.openai_upstream import OpenAiUpstream
from tollgate.adapters.price_book import FilePriceBook
from tollgate.adapters.tiktoken_counter import TiktokenCounter
from tollgate.domain.chat import parse_chat
from tollgate.domain.embeddings import parse_embeddings
from tollgate.domain.errors import BudgetRefused
from tollgate.domain.governed_request import GovernedRequest
from tollgate.domain.money import NanoUsd
from tollgate.domain.price import worst_case
from tollgate.domain.responses import parse_responses
from tollgate.domain.span import Attribution
from tollgate.usecases.complete_chat import ChatPorts, ChatReply, chat_menu, complete_chat

WORST = "[[local: outputTokens=worst]]"
BOOK, COUNTER = FilePriceBook(), TiktokenCounter()
PLENTY = NanoUsd(10**15)
CHAT_MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1-mini",
    "gpt-5",
    "gpt-5-nano",
    "gpt-5.4",
    "gpt-5.5",
    "gpt-6-luna",
    "gpt-6.2-sol",
)
TOOLS_AT_ONCE = ("gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-5", "gpt-5-nano")
EMBEDDERS = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")

LETTERS = st.characters(exclude_categories=["Cs"])
HARD = st.sampled_from(
    [
        "<|endoftext|>",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 9,
        "ﷺꙮ𒐫",
        "^" * 1500,
        " " * 1500,
        "def f(x):\n\treturn x**2\n" * 9,
        "a" * 1200,
        "\r\n \t" * 50,
    ]
)
TEXTS = st.text(LETTERS, max_size=60) | HARD
WORDS = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
SIDES = st.integers(1, 9000)
PICTURES = st.builds(
    lambda make, width, height: data_url(make(width, height)), st.sampled_from([png, gif, webp]), SIDES, SIDES
)
ADDRESSES = st.builds("https://example.com/{}x{}.jpg".format, SIDES, SIDES)
PROPERTIES = st.recursive(
    st.fixed_dictionaries(
        {"type": st.just("string"), "description": TEXTS}, optional={"enum": st.lists(WORDS, min_size=1, max_size=4)}
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(WORDS, inner, max_size=3)}
    ),
    max_leaves=6,
)
SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(WORDS, PROPERTIES, max_size=4)}
)
FUNCTIONS = st.fixed_dictionaries({"name": WORDS, "parameters": SCHEMAS}, optional={"description": TEXTS})
FUNCTION_LISTS = st.lists(FUNCTIONS, min_size=1, max_size=3, unique_by=lambda function: function["name"])
OUTPUTS = st.none() | st.integers(16, 80)


@st.composite
def chats(draw: st.DrawFn) -> GovernedRequest:
    model = draw(st.sampled_from(CHAT_MODELS))
    text = st.builds(lambda text: {"type": "text", "text": text}, TEXTS)
    detail = st.fixed_dictionaries({}, optional={"detail": st.sampled_from(["auto", "low", "high"])})
    picture = st.builds(
        lambda address, more: {"type": "image_url", "image_url": {"url": address} | more}, PICTURES | ADDRESSES, detail
    )
    message = st.fixed_dictionaries(
        {"role": st.just("user"), "content": TEXTS | st.lists(text | picture, min_size=1, max_size=4)},
        optional={"name": WORDS},
    )
    call = {"id": "c1", "type": "function", "function": {"name": draw(WORDS), "arguments": draw(TEXTS)}}
    turn: list[dict[str, Any]] = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": draw(TEXTS)},
    ]
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": draw(st.sampled_from(["system", "developer"])), "content": draw(TEXTS)},
            *draw(st.lists(message, max_size=3)),
            *(turn if draw(st.booleans()) else []),
            {"role": "user", "content": WORST},
        ],
        "n": draw(st.integers(1, 3)),
        "max_completion_tokens": draw(OUTPUTS),
        "stream": draw(st.booleans()),
    }
    if model in TOOLS_AT_ONCE and draw(st.booleans()):
        body["tools"] = [{"type": "function", "function": each} for each in draw(FUNCTION_LISTS)]
    elif draw(st.booleans()):
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": draw(SCHEMAS)}}
    return parse_chat(body, Attribution(), default_model="gpt-4o")


@st.composite
def responses(draw: st.DrawFn) -> GovernedRequest:
    text = st.builds(lambda text: {"type": "input_text", "text": text}, TEXTS)
    picture = st.builds(
        lambda address: {"type": "input_image", "image_url": address, "detail": "auto"}, PICTURES | ADDRESSES
    )
    message = st.fixed_dictionaries(
        {"role": st.just("user"), "content": TEXTS | st.lists(text | picture, min_size=1, max_size=4)}
    )
    turn: list[dict[str, Any]] = [
        {"type": "function_call", "call_id": "c1", "name": draw(WORDS), "arguments": draw(TEXTS)},
        {"type": "function_call_output", "call_id": "c1", "output": draw(TEXTS)},
    ]
    body: dict[str, Any] = {
        "model": draw(st.sampled_from(CHAT_MODELS)),
        "input": [
            *draw(st.lists(message, max_size=3)),
            *(turn if draw(st.booleans()) else []),
            {"role": "user", "content": WORST},
        ],
        "instructions": draw(st.none() | TEXTS),
        "max_output_tokens": draw(OUTPUTS),
        "stream": draw(st.booleans()),
    }
    if draw(st.booleans()):
        body["tools"] = [{"type": "function"} | each for each in draw(FUNCTION_LISTS)]
    elif draw(st.booleans()):
        body["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": draw(SCHEMAS)}}
    return parse_responses(body, Attribution(), default_model="gpt-4o")


@st.composite
def embeddings(draw: st.DrawFn) -> GovernedRequest:
    some = st.text(LETTERS, min_size=1, max_size=60) | HARD
    ids = st.lists(st.integers(0, 100_256), min_size=1, max_size=30)
    given_ = draw(some | st.lists(some, min_size=1, max_size=4) | ids | st.lists(ids, min_size=1, max_size=4))
    body = {
        "model": draw(st.sampled_from(EMBEDDERS)),
        "input": given_,
        "encoding_format": draw(st.sampled_from(["float", "base64"])),
    }
    return parse_embeddings(body, Attribution())


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAiUpstream]:
    state = tmp_path_factory.mktemp("openai")
    prepare_tables(Path(state))
    with ServedBooks(state / "served.jsonl") as served:
        config = uvicorn.Config(
            application(Service(served, Organization(state / "organization.json"))),
            port=0,
            http=ConnectedProtocol,
            ws="none",
            lifespan="off",
            log_level="error",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = OpenAiUpstream(f"http://127.0.0.1:{port}/v1", lambda: "sk-test")
        yield client
        client.close()
        server.should_exit = True
        thread.join(10)


def call(request: GovernedRequest, upstream: OpenAiUpstream, *, left: NanoUsd) -> ChatReply:
    books = books_in_memory(MemoryTable())
    tenant = a_tenant(
        daily_limit=left, monthly_limit=PLENTY, default_output_tokens=48, output_tokens_min=16, soft_cap=1
    )
    assert books.accounts.create(tenant, (MONTH,))
    ports = ChatPorts(
        ledger=books.ledger,
        accounts=books.accounts,
        prices=BOOK,
        counter=COUNTER,
        upstream=upstream,
        clock=lambda: NOON,
        new_key=keys(),
    )
    return complete_chat(request, tenant, ports, request_id="request", deadline=NOON + timedelta(seconds=60))


def least_by_count(request: GovernedRequest) -> NanoUsd:
    """What the whole call costs where its input is counted."""
    tenant = a_tenant(daily_limit=PLENTY, monthly_limit=PLENTY, default_output_tokens=48)
    menu = chat_menu(request, tenant, BOOK, COUNTER, at=NOON)
    return worst_case(menu.count(menu.asked), menu.asked.price)


# What is left: plenty, exactly what the counted call costs, or a part of that.
@given(chats() | responses() | embeddings(), st.sampled_from([None, 100, 80]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_what_is_settled_is_never_more_than_what_was_held(
    upstream: OpenAiUpstream, request_: GovernedRequest, percent: int | None
) -> None:
    left = PLENTY if percent is None else NanoUsd(least_by_count(request_) * percent // 100)
    try:
        reply = call(request_, upstream, left=left)
    except BudgetRefused:
        assert percent == 80
        return

    assert reply.settlement.outcome == "ok"
    assert 0 < reply.settlement.cost <= reply.taken.hold.amount <= left
    assert reply.settlement.tokens <= reply.taken.hold.tokens
    assert reply.answer.usage.completion <= reply.taken.offer.bound.output * reply.taken.offer.bound.choices
