import json
from datetime import UTC, date, datetime

import pytest

from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.errors import ModelGone, ModelNotPriced
from tollgate.domain.model import Capability, Kind, Taken

NOW = datetime(2026, 11, 23, tzinfo=UTC)
AFTER = datetime(2027, 1, 14, tzinfo=UTC)
BOOK = FilePriceBook()


@pytest.mark.parametrize(
    ("name", "input_rate"),
    [
        ("gpt-4o-2024-08-06", 2_500_000_000),
        ("gpt-4o-2024-11-20", 2_500_000_000),
        ("ft:gpt-4o:acme:booking:Ab12", 3_750_000_000),
        ("ft:gpt-4o-2024-08-06:acme::Ab12", 3_750_000_000),
        ("ft:gpt-4o-mini:org::id", 300_000_000),
        ("ft:gpt-4.1-mini-2025-04-14:org::id", 800_000_000),
        # The library itself expects dated names of this family.
        ("gpt-6-luna-2026-09-22", 100_000_000),
        ("gpt-5.6", 4_000_000_000),
    ],
)
def test_a_dated_or_fine_tuned_name_has_a_price_and_stays_the_name_that_is_sent(name: str, input_rate: int) -> None:
    price = BOOK.price_of(name, NOW)

    assert (price.model, price.rates.input) == (name, input_rate)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gpt-7",
        "GPT-4o",
        "gpt-4o-",
        "gpt-4o-2024-01-01",
        "gpt-4-2",
        "gpt-6-luna-2026-9-22",
        "gpt-5-6-sol",
        "ft:gpt-4o-mini",
        "ft:gpt-4:org::id",
        "ft:gpt-6-luna:org::id",
        "ft:gpt-4o-mini:org::",
        "ft::org::id",
        "gpt-realtime",
    ],
)
def test_a_model_that_nobody_priced_is_refused(name: str) -> None:
    with pytest.raises(ModelNotPriced):
        BOOK.price_of(name, NOW)


@pytest.mark.parametrize(
    ("name", "at", "said"),
    [
        ("gpt-4o", AFTER, "replacement, gpt-6-luna"),
        ("gpt-4o-2024-08-06", AFTER, "replacement, gpt-6-luna"),
        ("ft:gpt-4o-mini:org::id", AFTER, "replacement, gpt-6-luna"),
        # Its replacement is gone too; that one's is named.
        ("gpt-5-chat-latest", NOW, "replacement, gpt-5.5"),
        ("gpt-4.1-nano", NOW, "GET /v1/models"),
    ],
)
def test_a_model_past_its_end_is_refused_and_what_replaces_it_is_named(name: str, at: datetime, said: str) -> None:
    with pytest.raises(ModelGone, match=said):
        BOOK.price_of(name, at)


def test_what_was_spent_on_a_model_that_is_gone_still_has_its_price() -> None:
    assert BOOK.price_of_spent("gpt-4o-2024-05-13", NOW).rates.input == 5_000_000_000


def test_gpt_4o_mini_falls_over_to_luna_on_the_day_of_its_end() -> None:
    assert BOOK.in_place_of("gpt-4o-mini", datetime(2027, 1, 13, 23, 59, tzinfo=UTC)) == "gpt-4o-mini"
    assert BOOK.in_place_of("gpt-4o-mini", AFTER) == "gpt-6-luna"
    assert BOOK.in_place_of("no-such-model", NOW) is None


def test_every_replacement_is_a_model_that_we_price() -> None:
    for name in BOOK.models(datetime(2020, 1, 1, tzinfo=UTC)):
        replacement = BOOK.lifetime_of(name).replacement
        assert replacement is None or replacement in BOOK.models(datetime(2020, 1, 1, tzinfo=UTC))


def test_the_models_that_may_be_asked_for_are_those_that_are_served() -> None:
    assert "gpt-4o" in BOOK.models(NOW)
    assert not {"gpt-4o", "gpt-4", "ft:gpt-4o"} & set(BOOK.models(AFTER))


def test_an_end_that_openai_told_goes_before_the_file_s() -> None:
    told = {"gpt-4o": date(2026, 11, 23), "gpt-4o-mini": None, "gpt-6-luna": date(2026, 12, 1)}
    book = FilePriceBook(ends=lambda: told)

    with pytest.raises(ModelGone):
        book.price_of("gpt-4o", NOW)
    assert book.in_place_of("gpt-4o-mini", AFTER) == "gpt-4o-mini"
    assert "2026-12-01" in str(book.ending_of("gpt-6-luna", NOW))


def test_an_end_is_warned_of_once_for_a_model_whatever_it_is_called() -> None:
    said: list[str] = []
    book = FilePriceBook(warn=said.append)

    for name in ("gpt-4o", "gpt-4o", "gpt-4o-2024-08-06", "gpt-6-luna"):
        book.price_of(name, NOW)

    assert said == ["The model gpt-4o ends on 2027-01-14 (in 52 days); its replacement is gpt-6-luna."]


def test_a_model_says_what_it_can_do() -> None:
    luna, mini, sol, pro, small = (
        BOOK.model_of(name)
        for name in ("gpt-6-luna", "gpt-4o-mini", "gpt-6.2-sol", "gpt-5.5-pro", "text-embedding-3-small")
    )

    assert luna.capabilities == frozenset(Capability)
    assert (luna.effort_none, luna.chat_tools, luna.temperature) == (True, Taken.EFFORT_NONE, Taken.EFFORT_NONE)
    assert (luna.max_tokens_refused, mini.max_tokens_refused) == (True, False)
    assert mini.capabilities == frozenset({Capability.VISION, Capability.TOOLS, Capability.STRUCTURED_OUTPUT})
    assert (sol.effort_none, sol.chat_tools) == (False, Taken.NEVER)
    assert [model.kind for model in (luna, pro, small)] == [Kind.CHAT, Kind.RESPONSES, Kind.EMBEDDING]
    assert (mini.input_max, mini.output_max, small.input_max) == (128_000, 16_384, 8_192)


# ---- overrides --------------------------------------------------------------------------------------------------------------


def test_a_negotiated_price_replaces_the_published_one_and_keeps_the_rest() -> None:
    given = {"gpt-4o": {"prices": [{"input": "2.00", "cached": "1", "output": "8"}]}}
    book = FilePriceBook(overrides=json.dumps(given))

    price = book.price_of("gpt-4o-2024-08-06", NOW)

    assert (price.rates.input, price.rates.output, price.output_max) == (2_000_000_000, 8_000_000_000, 16_384)
    assert book.price_of("gpt-4o-mini", NOW) == BOOK.price_of("gpt-4o-mini", NOW)
    assert BOOK.price_of("gpt-4o", NOW).rates.input == 2_500_000_000


def test_a_model_of_one_s_own_can_be_priced() -> None:
    own = {"kind": "chat", "input_max": 32_000, "output_max": 4_000, "prices": [{"input": "0.5", "output": "1"}]}
    book = FilePriceBook(overrides=json.dumps({"house-model": own}))

    assert book.price_of("house-model", NOW).rates.cached == 500_000_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "must be an object"),
        ('{"gpt-4o": 3}', "must be an object"),
        ('{"own": {"prices": [{"input": "1", "output": "1"}]}}', "own: 'input_max' is missing"),
        ('{"gpt-4o": {"prices": []}}', "gpt-4o: prices is empty"),
        ('{"gpt-4o": {"prices": [{"input": 2.5, "output": "1"}]}}', "no float"),
        ('{"gpt-4o": {"prices": [{"input": "cheap"}]}}', "gpt-4o"),
        ('{"gpt-4o": {"prices": [{"input": "-1"}]}}', "negative"),
        ('{"gpt-4o": {"prices": [{"input": "1", "ouput": "2"}]}}', "'ouput' is not known"),
        ('{"gpt-4o": {"price": []}}', "'price' is not known"),
        ('{"gpt-4o": {"prices": [{"input": "1", "output": "1", "tiers": {"flex": "0"}}]}}', "factor"),
        ('{"gpt-4o": {"prices": [{"from": "soon", "input": "1", "output": "1"}]}}', "gpt-4o"),
        (
            '{"gpt-4o": {"prices": [{"from": "2027-01-01", "input": "1", "output": "1"}, {"input": "1", "output": "1"}]}}',
            "order",
        ),
        ('{"gpt-4o": {"prices": [{"input": "1"}]}}', "output"),
    ],
)
def test_overrides_that_cannot_be_read_are_refused_at_the_start_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="PRICE_OVERRIDES") as error:
        FilePriceBook(overrides=text)

    assert said in str(error.value)
