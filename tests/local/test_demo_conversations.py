"""What the demo's agents say: enough of it, each different, and fit to be sent."""

import json
from random import Random

import pytest

from infra.local.demo.conversation import Conversation, header_of
from infra.local.demo.scripts import electrical
from infra.local.demo.shops import SHOPS, Shop

TELLINGS = [(shop, conversation) for shop in SHOPS for conversation in shop.tellings(Random(7))]


def words_of(conversation: Conversation) -> str:
    said = [conversation.opening, *conversation.turns]
    answers = [conversation.tool_message("call_1", tool.name) for tool in conversation.script.tools]
    return "\n".join(message["content"] for message in [*said, *answers])


def test_there_are_at_least_twelve_scripts_over_three_trades() -> None:
    scripts = [script for shop in SHOPS for script in shop.scripts]

    assert len(SHOPS) >= 4
    assert len(scripts) >= 12
    assert len({script.system for script in scripts}) == len(scripts)
    assert {"booking-agent", "scheduling-agent", "dispatch-agent"} == {script.agent for script in scripts}


@pytest.mark.parametrize(("shop", "conversation"), TELLINGS)
def test_nothing_is_left_to_be_filled_in(shop: Shop, conversation: Conversation) -> None:
    words = words_of(conversation)

    assert not any(f"{{{name}}}" in words for name in ("shop", "city", "customer", "street", "phone", "detail"))
    assert shop.name in words


def test_no_two_conversations_of_a_shop_are_the_same() -> None:
    for shop in SHOPS:
        told = [words_of(conversation) for conversation in shop.tellings(Random(7))]

        assert len(set(told)) == len(told), shop.id


@pytest.mark.parametrize(("shop", "conversation"), TELLINGS)
def test_labels_are_what_the_gate_takes(shop: Shop, conversation: Conversation) -> None:
    assert {"agent", "runId"} < conversation.labels.keys()
    assert all(0 < len(label.encode()) <= 64 for label in conversation.labels.values())
    assert all(
        not json.loads(conversation.tool_message("c", tool.name)["content"]).get("error")
        for tool in conversation.script.tools
    )


def test_labels_travel_as_headers_and_as_metadata() -> None:
    ways = {next(iter(conversation.attribution())) for _, conversation in TELLINGS}

    assert ways == {"extra_headers", "metadata"}
    assert header_of("agent") == "x-tollgate-agent"
    assert header_of("bookingId") == "x-tollgate-booking-id"


def test_two_tellings_with_one_seed_are_the_same() -> None:
    assert SHOPS[0].tellings(Random(1)) == SHOPS[0].tellings(Random(1))
    assert SHOPS[0].tellings(Random(1)) != SHOPS[0].tellings(Random(2))


def test_the_loop_never_says_the_same_twice() -> None:
    rejections = electrical.rejections(Random(3))
    said = [next(rejections) for _ in range(30)]

    assert len(set(said)) == len(said)
    assert all(len(text) > 1000 for text in said)


def test_exactly_one_shop_floods_and_it_has_a_budget_of_cents() -> None:
    assert [shop.floods for shop in SHOPS].count(True) == 1
    assert sum(shop.budget for shop in SHOPS) <= 1_000_000_000
