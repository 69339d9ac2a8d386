"""Requests to Responses: what is let through, how it is bounded, what goes up, and who may answer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.openai_server.prompt import chat_prompt
from infra.local.openai_server.responses_request import parse_responses as read_as_the_provider
from tests.fakes.ledger_world import CountsLetters, a_tenant, labels
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.chat import Bounded
from tollgate.domain.downgrade import Menu
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.responses import FIELDS, REFUSED, ResponsesRequest, parse_responses
from tollgate.edge.v1_wire import v1_responses
from tollgate.usecases.complete_chat import chat_menu

BOOK = FilePriceBook()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
MODEL, PRICE = BOOK.model_of("gpt-4o"), BOOK.price_of("gpt-4o", NOW)
LUNA, LUNA_PRICE = BOOK.model_of("gpt-6-luna"), BOOK.price_of("gpt-6-luna", NOW)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
NAMES = st.from_regex(r"[a-z_]{1,20}", fullmatch=True)
SCHEMAS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {"type": st.just("string"), "description": WORDS}, optional={"enum": st.lists(WORDS, min_size=1)}
    ),
    max_size=4,
).map(lambda properties: {"type": "object", "properties": properties})
ITEMS = st.one_of(
    st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "system"]), WORDS),
    st.builds(
        lambda text: {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}, WORDS
    ),
    st.builds(
        lambda name, words: {
            "type": "function_call",
            "call_id": "c",
            "name": name,
            "arguments": json.dumps({"a": words}),
        },
        NAMES,
        WORDS,
    ),
    st.builds(
        lambda name, text: {"type": "custom_tool_call", "call_id": "c", "name": name, "input": text}, NAMES, WORDS
    ),
    st.builds(lambda text: {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": text + "x"}, WORDS),
)
TOOLS = st.builds(
    lambda name, text, schema: {"type": "function", "name": name, "description": text, "parameters": schema},
    NAMES,
    WORDS,
    SCHEMAS,
)
FORMATS = SCHEMAS.map(lambda schema: {"format": {"type": "json_schema", "name": "answer", "schema": schema}})
BODIES = st.fixed_dictionaries(
    {
        "input": WORDS.filter(bool)
        | st.lists(ITEMS, max_size=6).map(lambda items: [{"role": "user", "content": "x"}, *items])
    },
    optional={"instructions": WORDS, "tools": st.lists(TOOLS, max_size=3), "text": FORMATS},
)


def asked(given: Any = "Who is free?", **more: Any) -> ResponsesRequest:
    return parse_responses({"model": "gpt-4o", "input": given} | more, labels(), default_model="gpt-4o")


def refused(given: Any = "x", **more: Any) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as error:
        asked(given, **more)
    return error.value


@pytest.mark.usefixtures("token_tables")
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_the_bound_is_never_below_what_the_provider_counts(body: dict[str, Any]) -> None:
    read = read_as_the_provider(body | {"model": "gpt-4o"})
    counted = len(chat_prompt(read.messages, read.tools, read.format, read.model))
    request = parse_responses(body, labels(), default_model="gpt-4o")

    assert request.by_bytes(a_tenant(), PRICE).input >= counted


def test_encrypted_thoughts_are_held_by_their_bytes() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x" * 5000}

    assert asked([item]).by_bytes(a_tenant(), PRICE).input >= 5000


def test_the_maximum_the_tier_and_that_nothing_is_kept_are_always_said() -> None:
    sent = asked("x").sent(MODEL, PRICE, output_tokens=77)

    assert sent == {
        "model": "gpt-4o",
        "input": "x",
        "max_output_tokens": 77,
        "service_tier": "default",
        "store": False,
    }


@pytest.mark.parametrize(("said", "kept"), [(True, True), (False, False), (None, False)])
def test_an_answer_is_kept_only_where_the_caller_says_so(said: bool | None, kept: bool) -> None:
    assert asked(store=said).sent(MODEL, PRICE, output_tokens=77)["store"] is kept


def test_what_is_held_is_what_is_sent_as_the_maximum() -> None:
    tenant = a_tenant(default_output_tokens=300, output_tokens_max=1000)

    assert asked().by_bytes(tenant, PRICE).output == 300
    assert asked(max_output_tokens=500).by_bytes(tenant, PRICE).output == 500
    with pytest.raises(RequestInvalid, match="at most 1000"):
        asked(max_output_tokens=1001).by_bytes(tenant, PRICE)


@pytest.mark.parametrize("field", REFUSED)
def test_what_is_stored_or_billed_apart_is_refused_by_name_with_what_to_send(field: str) -> None:
    error = refused(**{field: "x"})

    assert isinstance(error, NotBounded)
    assert error.param == field
    assert str(error).startswith(f"{field}: ")


def test_what_an_sdk_sends_to_say_no_is_no_reason_to_refuse_and_goes_no_further() -> None:
    assert "background" not in asked(background=False, conversation=None).sent(MODEL, PRICE, output_tokens=77)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"frobnicate": 1}, "frobnicate"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"text": {"frobnicate": 1}}, "text.frobnicate"),
        ({"stream_options": {"frobnicate": 1}}, "stream_options.frobnicate"),
        ({"include": ["web_search_call.results"]}, "include"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_url": "https://x"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": "f", "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [{"type": {}}]}, "tools[0].type"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"tool_choice": {"type": []}}, "tool_choice"),
    ],
)
def test_what_cannot_be_bounded_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    error = refused(**more)

    assert isinstance(error, NotBounded)
    assert error.param == param


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "input[1]"),
        ({"type": "web_search_call", "id": "ws_1"}, "input[1]"),
        ({"type": "reasoning", "id": "rs_1", "summary": []}, "input[1]"),
        ({"type": ["message"]}, "input[1]"),
        ({"role": "user", "content": "x", "frobnicate": 1}, "input[1].frobnicate"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "input[1].content[0]"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}, "input[1].content[0]"),
        (
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"ttl": "12h"}}],
            },
            "input[1].content[0].prompt_cache_breakpoint",
        ),
        ({"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file"}]}, "input[1].output[0]"),
    ],
)
def test_an_item_that_is_not_whole_in_itself_is_refused_by_its_place(item: dict[str, Any], place: str) -> None:
    error = refused([{"role": "user", "content": "Hello"}, item])

    assert isinstance(error, NotBounded)
    assert error.param == place


@pytest.mark.parametrize("given", [None, [], 7, {}, ["x"], [{"role": "user", "content": 7}]], ids=repr)
def test_what_is_no_input_is_refused(given: Any) -> None:
    assert (refused(given).param or "").startswith("input")


@pytest.mark.parametrize("field", [name for name, how in FIELDS.items() if how is Bounded.BY_BYTES])
def test_every_field_that_is_billed_by_its_bytes_is_in_the_bound(field: str) -> None:
    long = "w" * 999
    values: dict[str, Any] = {
        "tools": [{"type": "function", "name": "f", "description": long}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"description": long}}},
        "tool_choice": {"type": "function", "name": long},
    }

    request = parse_responses({"input": "x"} | {field: values.get(field, long)}, labels(), default_model="gpt-4o")

    assert request.by_bytes(a_tenant(), PRICE).input >= 999


# ---- who may answer ---------------------------------------------------------------------------------------------------------


def menu(model: str, cheaper: str, given: Any = "Who is free?", **more: Any) -> Menu:
    tenant = a_tenant(cheaper_model=cheaper)
    return chat_menu(asked(given, **more | {"model": model}), tenant, BOOK, CountsLetters(), at=NOW)


@pytest.mark.parametrize(
    "more",
    [
        {"reasoning": {"effort": "low"}},
        {"include": ["reasoning.encrypted_content"]},
        {"given": [{"type": "reasoning", "encrypted_content": "x"}, {"role": "user", "content": "x"}]},
    ],
    ids=["effort", "thoughts asked for", "thoughts sent"],
)
def test_a_model_that_cannot_serve_it_is_not_offered(more: dict[str, Any]) -> None:
    assert menu("gpt-5.6-terra", "gpt-4o-mini").cheaper
    assert not menu("gpt-5.6-terra", "gpt-4o-mini", **more).cheaper


def test_a_model_for_embeddings_is_not_offered() -> None:
    assert not menu("gpt-4o", "text-embedding-3-small").cheaper


def test_the_cheaper_model_answers_without_a_thought_where_it_was_not_asked_for_any() -> None:
    request = asked(temperature=0.2, tools=[{"type": "function", "name": "f"}])

    assert menu("gpt-4o", "gpt-6-luna", temperature=0.2).cheaper
    assert request.sent(LUNA, LUNA_PRICE, output_tokens=77)["reasoning"] == {"effort": "none"}
    assert "reasoning" not in request.sent(MODEL, PRICE, output_tokens=77), (
        "the model that was asked for is left as it is"
    )


def test_how_to_cache_is_said_to_the_model_that_was_asked_for_alone() -> None:
    """Models before gpt-5.6 refuse it."""
    options = {"mode": "explicit", "ttl": "30m"}
    request = asked(prompt_cache_options=options)

    assert request.sent(MODEL, PRICE, output_tokens=77)["prompt_cache_options"] == options
    assert "prompt_cache_options" not in request.sent(LUNA, LUNA_PRICE, output_tokens=77)


def test_a_temperature_is_not_taken_to_a_model_that_always_thinks() -> None:
    assert menu("gpt-5.4", "gpt-5-mini").cheaper
    assert not menu("gpt-5.4", "gpt-5-mini", temperature=0.2).cheaper


def test_the_same_question_again_is_seen_as_the_same() -> None:
    assert asked("x").fingerprint == asked("x", metadata={"runId": "2"}).fingerprint
    assert asked("x").fingerprint != asked("y").fingerprint


def test_whose_work_it_is_comes_from_metadata_and_headers() -> None:
    body = json.dumps({"model": "gpt-4o", "input": "x", "metadata": {"agent": "booking", "theirs": "y"}})

    request = v1_responses(body, {"X-Tollgate-Job-Id": "J-7", "X-Tollgate-Downgrade": "never"}, default_model="gpt-4o")

    assert (request.attribution.agent, request.attribution.job_id) == ("booking", "J-7")
    assert request.only_as_asked
    assert request.sent(MODEL, PRICE, output_tokens=77)["metadata"] == {"agent": "booking", "theirs": "y"}
