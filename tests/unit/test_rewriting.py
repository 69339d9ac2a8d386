"""Which cheaper models may serve a request, and what they are sent: by the shipped price book, through the governed call."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.ledger_world import CountsLetters, ScriptedUpstream, TellingClock, a_tenant, books_in_memory, keys
from tests.fakes.memory_ledger import MemoryTable
from tests.fakes.pictures import data_url, png
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.chat import ChatRequest, bound_by_bytes, parse_chat, upstream_body
from tollgate.domain.errors import BreakerOpen, RequestInvalid
from tollgate.domain.image_tokens import FAMILIES
from tollgate.domain.model import Capability, Kind
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import NotSent
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.tokenizer import tokenizer_of
from tollgate.usecases.complete_chat import ChatPorts, chat_menu, complete_chat

BOOK = FilePriceBook()
NOVEMBER = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOOL = {"type": "function", "function": {"name": "book", "parameters": {"type": "object", "properties": {}}}}
STRICT = {"type": "function", "function": {**TOOL["function"], "strict": True}}  # type: ignore[dict-item]
CUSTOM = {"type": "custom", "custom": {"name": "sql"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "job", "schema": {"type": "object"}}}


def a_picture(detail: str | None = None) -> dict[str, Any]:
    url = {"url": data_url(png(1024, 1024))} | ({"detail": detail} if detail else {})
    return {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": url}]}
        ]
    }


def a_chat(model: str, **fields: Any) -> ChatRequest:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]} | fields
    return parse_chat(body, Attribution(), default_model=model)


def cheaper(chat: ChatRequest, target: str, **settings: Any) -> list[str]:
    menu = chat_menu(chat, a_shop(cheaper_model=target, **settings), BOOK, CountsLetters(), at=NOVEMBER)
    return [offer.price.model for offer in menu.cheaper]


def a_shop(**fields: Any) -> TenantSettings:
    return a_tenant(daily_limit=NanoUsd(10**9), monthly_limit=NanoUsd(10**10), **fields)


def sent(chat: ChatRequest, model: str, output_tokens: int = 9) -> dict[str, Any]:
    return upstream_body(chat, BOOK.price_of(model, NOVEMBER), BOOK.model_of(model), output_tokens=output_tokens)


# ---- which model may serve --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "fields", "serves"),
    [
        ("gpt-6-luna", {}, True),
        ("gpt-6-luna", {"tools": [TOOL]}, True),
        ("gpt-6-luna", {"tools": [CUSTOM]}, True),
        ("gpt-4o-mini", {"tools": [STRICT]}, True),
        ("gpt-4o-mini", {"tools": [CUSTOM]}, False),
        ("gpt-4o-mini", {"stop": ["END"]}, True),
        ("gpt-6-luna", {"stop": ["END"]}, False),
        ("gpt-6-luna", {"logprobs": True}, True),
        ("gpt-6-luna", {"logprobs": True, "reasoning_effort": "high"}, False),
        ("gpt-5.4-nano", {"logprobs": True}, False),
        ("gpt-6.1-sol", {"tools": [TOOL]}, False),
        ("gpt-6.1-sol", {}, True),
        ("gpt-audio-mini", {"response_format": SCHEMA}, False),
        ("gpt-audio-mini", {"response_format": {"type": "json_object"}}, True),
        ("gpt-audio-mini", {"tools": [TOOL]}, True),
        ("gpt-audio-mini", {"tools": [STRICT]}, False),
        ("gpt-audio-mini", a_picture(), False),
        ("gpt-6-luna", a_picture(), True),
        ("gpt-5.3-codex", {}, False),
        ("text-embedding-3-small", {}, False),
    ],
)
def test_only_a_model_that_can_serve_the_request_is_a_downgrade(
    target: str, fields: dict[str, Any], serves: bool
) -> None:
    assert cheaper(a_chat("gpt-6-astra", **fields), target) == [target] * serves


@pytest.mark.parametrize(("letters", "serves"), [(126_000, True), (127_500, False)])
def test_a_model_whose_context_is_too_small_is_left_out_rather_than_clipped(letters: int, serves: bool) -> None:
    chat = a_chat("gpt-4.1", messages=[{"role": "user", "content": "x" * letters}])

    assert cheaper(chat, "gpt-4o-mini") == ["gpt-4o-mini"] * serves


def test_a_text_whose_bytes_do_not_fit_a_context_is_counted_for_it() -> None:
    chat = a_chat("gpt-4.1", messages=[{"role": "user", "content": "é" * 100_000}])

    assert cheaper(chat, "gpt-4o-mini") == ["gpt-4o-mini"]


@pytest.mark.parametrize(("model", "counted"), [("gpt-4o", 5_000), ("gpt-6-sol", 10_000), ("chat-latest", 10_000)])
def test_a_model_whose_tokenizer_nobody_publishes_is_bounded_by_bytes(model: str, counted: int) -> None:
    chat = a_chat(model, messages=[{"role": "user", "content": "é" * 5_000}])
    menu = chat_menu(chat, a_shop(), BOOK, CountsLetters(), at=NOVEMBER)

    assert menu.count(menu.asked).input - chat.overhead_tokens == counted + len("user")


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-2024-08-06", "o200k_base"),
        ("ft:gpt-4o-mini-2024-07-18:shop::id", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("gpt-5.4-nano", "o200k_base"),
        ("o3", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-6-luna", None),
        ("gpt-50", None),
        ("house-model", None),
    ],
)
def test_a_model_s_tokenizer_is_that_of_tiktoken_s_table(model: str, encoding: str | None) -> None:
    assert tokenizer_of(model) == encoding


@pytest.mark.parametrize(
    ("model", "route"), [("text-embedding-3-small", "/v1/embeddings"), ("gpt-5.3-codex", "/v1/responses")]
)
def test_a_model_of_the_wrong_kind_is_refused_with_the_route_that_takes_it(model: str, route: str) -> None:
    with pytest.raises(RequestInvalid, match=route) as refused:
        chat_menu(a_chat(model), a_shop(), BOOK, CountsLetters(), at=NOVEMBER)

    assert refused.value.param == "model"


def test_a_model_without_vision_is_refused_by_name_where_there_are_images() -> None:
    with pytest.raises(RequestInvalid, match="'gpt-audio' takes no images"):
        chat_menu(a_chat("gpt-audio", **a_picture()), a_shop(), BOOK, CountsLetters(), at=NOVEMBER)


def test_every_model_that_sees_and_is_served_has_a_rule_for_images_or_is_known_to_have_none() -> None:
    seeing = {
        name
        for name in BOOK.models(NOVEMBER)
        if BOOK.model_of(name).kind is Kind.CHAT and Capability.VISION in BOOK.model_of(name).capabilities
    }

    assert seeing - FAMILIES.keys() == {"chat-latest"}


# ---- what it is sent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "fields", "effort"),
    [
        ("gpt-6-luna", {}, "none"),
        ("gpt-6-luna", {"reasoning_effort": ["high"]}, "none"),
        ("gpt-6-luna", {"reasoning_effort": "minimal"}, "none"),
        ("gpt-6-luna", {"reasoning_effort": "high"}, "high"),
        ("gpt-6-luna", {"reasoning_effort": "xhigh"}, "high"),
        ("gpt-6-luna", {"reasoning_effort": "high", "tools": [TOOL]}, "none"),
        ("gpt-6-luna", {"tools": [TOOL]}, "none"),
        ("gpt-5.1", {"reasoning_effort": "high", "tools": [TOOL]}, "high"),
        ("gpt-6.1-sol", {}, None),
        ("gpt-6.1-sol", {"reasoning_effort": "none"}, "low"),
        ("gpt-5-nano", {"reasoning_effort": "max"}, "high"),
        ("gpt-4o-mini", {"reasoning_effort": "high"}, None),
    ],
)
def test_a_stand_in_is_told_how_much_to_reason_in_words_that_it_knows(
    target: str, fields: dict[str, Any], effort: str | None
) -> None:
    assert sent(a_chat("gpt-6-astra", **fields), target).get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("target", "fields", "is_kept"),
    [
        ("gpt-4o-mini", {}, True),
        ("gpt-6-luna", {}, True),
        ("gpt-6-luna", {"reasoning_effort": "low"}, False),
        ("gpt-6.1-sol", {}, False),
        ("gpt-5.4-nano", {}, False),
    ],
)
def test_sampling_is_left_out_where_a_stand_in_does_not_take_it(
    target: str, fields: dict[str, Any], is_kept: bool
) -> None:
    body = sent(a_chat("gpt-6-astra", temperature=0.2, top_p=0.9, verbosity="low", **fields), target)

    assert ("temperature" in body, "top_p" in body) == (is_kept, is_kept)
    assert ("verbosity" in body) == (target != "gpt-4o-mini")


def test_how_to_cache_is_said_to_the_model_that_was_asked_for_alone() -> None:
    """Models before gpt-5.6 refuse it."""
    chat = a_chat("gpt-6-luna", prompt_cache_options={"mode": "explicit"})

    assert "prompt_cache_options" in sent(chat, "gpt-6-luna")
    assert "prompt_cache_options" not in sent(chat, "gpt-4o-mini")


@pytest.mark.parametrize(
    ("model", "name"),
    [("gpt-4o", "max_tokens"), ("gpt-6-luna", "max_completion_tokens"), ("o3", "max_completion_tokens")],
)
def test_the_maximum_goes_by_the_name_that_the_model_takes(model: str, name: str) -> None:
    body = sent(a_chat("gpt-4.1", max_tokens=50), model, 9)

    assert {key: value for key, value in body.items() if key.startswith("max_")} == {name: 9}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-6-luna", "gpt-6-astra", "o3"])
def test_as_asked_only_maximum_and_tier_are_the_gate_s(model: str) -> None:
    asked = {
        "temperature": 0.2,
        "top_p": 1,
        "reasoning_effort": "xhigh",
        "tools": [TOOL],
        "stop": "END",
        "verbosity": "low",
    }
    chat = a_chat(model, **asked)

    body = sent(chat, model)

    ours = {"max_tokens", "max_completion_tokens", "service_tier"}
    assert {name: value for name, value in body.items() if name not in ours} == chat.body


@pytest.mark.parametrize(
    ("model", "detail", "sent_detail"),
    [
        ("gpt-6-luna", None, "high"),
        ("gpt-6-luna", "auto", "high"),
        ("gpt-6-luna", "low", "low"),
        ("gpt-6-luna", "original", "original"),
        ("gpt-4o", None, None),
        ("gpt-4o", "auto", "auto"),
        ("gpt-4o-mini", "original", "high"),
        ("gpt-5.4", "original", "original"),
    ],
)
def test_no_image_is_sent_at_a_detail_without_a_limit(model: str, detail: str | None, sent_detail: str | None) -> None:
    asked = model if model == "gpt-4o" else "gpt-6-sol"
    chat = a_chat(asked, **a_picture(detail))

    body = sent(chat, model)

    text, picture = body["messages"][0]["content"]
    assert (text, picture["image_url"].get("detail")) == ({"type": "text", "text": "hi"}, sent_detail)
    assert chat.body["messages"][0]["content"][1]["image_url"].get("detail") == detail, "the caller's own is left alone"


def test_an_image_is_held_by_its_tokens_and_not_by_its_bytes() -> None:
    large = data_url(png(1024, 1024) + bytes(300_000))
    picture = {"type": "image_url", "image_url": {"url": large, "detail": "high"}}
    chat = a_chat("gpt-4o", messages=[{"role": "user", "content": [picture]}])

    bound = bound_by_bytes(chat, a_shop(), BOOK.price_of("gpt-4o", NOVEMBER))

    assert 765 < bound.input < 900


def test_the_governed_call_sends_the_stand_in_its_own_request() -> None:
    world, upstream = books_in_memory(MemoryTable()), ScriptedUpstream([NotSent(message="nobody there")])
    settings = a_shop(cheaper_model="gpt-6-luna", soft_cap=Decimal(0))
    world.accounts.create(settings, ("2026-11",))
    ports = ChatPorts(
        ledger=world.ledger,
        accounts=world.accounts,
        prices=BOOK,
        counter=CountsLetters(),
        upstream=upstream,
        clock=TellingClock(NOVEMBER),
        new_key=keys(),
    )
    with pytest.raises(BreakerOpen, match="nobody there"):
        complete_chat(
            a_chat("gpt-6-sol", tools=[TOOL], max_tokens=64),
            settings,
            ports,
            request_id="r",
            deadline=NOVEMBER + timedelta(seconds=60),
        )

    (asked,) = upstream.asked
    assert (asked["model"], asked["reasoning_effort"], asked["max_completion_tokens"]) == ("gpt-6-luna", "none", 64)
