"""What the end of a model means for a call: its replacement is the cheaper model, and asking for it is refused by name."""

from datetime import UTC, datetime

import pytest

from tests.fakes.ledger_world import CountsLetters, a_tenant, labels
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.chat import parse_chat
from tollgate.domain.downgrade import Menu
from tollgate.domain.errors import ModelGone
from tollgate.edge.cost_wire import RecordAsked
from tollgate.edge.problems import answer_of
from tollgate.edge.record_wire import spent_of
from tollgate.usecases.complete_chat import chat_menu

BEFORE, AFTER = datetime(2027, 1, 13, 23, tzinfo=UTC), datetime(2027, 1, 14, tzinfo=UTC)
BOOK = FilePriceBook()


def menu(model: str, at: datetime, *, allowed: tuple[str, ...] | None = None) -> Menu:
    settings = a_tenant(cheaper_model="gpt-4o-mini", allowed_models=allowed)
    body = {"model": model, "messages": [{"role": "user", "content": "Who is free?"}]}
    chat = parse_chat(body, labels(), default_model="gpt-4o")
    return chat_menu(chat, settings, BOOK, CountsLetters(), at=at)


@pytest.mark.parametrize(("at", "cheaper"), [(BEFORE, "gpt-4o-mini"), (AFTER, "gpt-6-luna")])
def test_the_cheaper_model_falls_over_to_its_replacement_on_the_day_it_ends(at: datetime, cheaper: str) -> None:
    offers = menu("gpt-5.4", at).cheaper

    assert [offer.price.model for offer in offers] == [cheaper]


def test_a_replacement_that_the_tenant_may_not_use_is_not_taken() -> None:
    assert menu("gpt-5.4", AFTER, allowed=("gpt-5.4", "gpt-4o-mini")).cheaper == ()


def test_the_replacement_itself_has_no_cheaper_model() -> None:
    assert menu("gpt-6-luna", AFTER).cheaper == ()


def test_asking_for_a_model_that_is_gone_is_refused_with_what_replaces_it() -> None:
    with pytest.raises(ModelGone) as error:
        menu("gpt-4o", AFTER)

    answer = answer_of(error.value, path="/v1/chat/completions", request_id="r")

    assert (answer.status, answer.headers["x-should-retry"]) == (400, "false")
    assert answer.body["error"] == {
        "message": "The model 'gpt-4o' was shut down on 2027-01-14: ask for its replacement, gpt-6-luna.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_priced",
    }


def test_what_an_agent_spent_on_a_model_that_is_gone_is_booked() -> None:
    asked = RecordAsked(record_id="r-1", model="gpt-4o-mini", usage={"prompt_tokens": 1000, "completion_tokens": 100})

    assert spent_of(asked, {}, BOOK, request_id="r", now=AFTER).cost == 210_000
