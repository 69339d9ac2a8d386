"""The price list is what its sources give, and the check that says so notices when it is not."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.build import ROOT
from infra.prices import __main__ as command
from infra.prices import by_hand as hand
from infra.prices import comparison, litellm_source
from infra.prices.by_hand import ByHand, by_hand
from infra.prices.price_list import listed_prices, price_list

SHIPPED = ROOT / "layers" / "shared" / "tollgate" / "data" / "prices.json"


def with_ours(name: str, **fields: Any) -> ByHand:
    """by_hand.json with a model's facts changed."""
    ours = by_hand()
    return ByHand(models={**ours.models, name: {**ours.models[name], **fields}}, differs=ours.differs)


def test_the_shipped_list_is_what_the_sources_give_and_they_agree() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == price_list()
    assert comparison.faults() == []


def test_a_price_that_only_one_source_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = json.loads(json.dumps(litellm_source.facts("gpt-4o"), default=str))
    changed = {**litellm_source.facts("gpt-4o"), "output_cost_per_token_priority": snapshot["max_input_tokens"]}
    facts = litellm_source.facts
    monkeypatch.setattr(litellm_source, "facts", lambda name: changed if name == "gpt-4o" else facts(name))

    [fault] = comparison.faults()

    assert fault.startswith("gpt-4o: priority.output: 17")


def test_an_end_that_the_second_source_has_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "by_hand", lambda: with_ours("gpt-4o", shutdown="2027-02-14"))

    faults = comparison.faults()

    assert {fault.split(":")[1] for fault in faults} == {" shutdown.gpt-4o-2024-08-06", " shutdown.gpt-4o-2024-11-20"}


def test_a_reason_for_a_difference_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = by_hand()
    stale = ByHand(models=ours.models, differs={**ours.differs, "gpt-4o": {"flex": "Once."}})
    monkeypatch.setattr(comparison, "by_hand", lambda: stale)

    assert comparison.faults() == ["gpt-4o: flex: by_hand.json explains a difference that is not there"]


def test_a_list_that_was_changed_by_hand_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "prices.json"
    changed.write_text(price_list().replace('"input": "2.5"', '"input": "2.4"', 1), encoding="utf-8")
    monkeypatch.setattr(command, "FILE", changed)

    assert command.main(["--check"]) == 1
    assert "is not what its sources give" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "ours", "said"),
    [
        ("gpt-9", {}, "no source has a price"),
        ("gpt-4o", {"rates": {"input": "1", "output": "1"}}, "take it out there"),
    ],
)
def test_a_model_is_priced_by_exactly_one_of_the_library_and_the_hand(
    name: str, ours: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        listed_prices(name, ours)


def test_a_fact_without_a_source_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    written = json.loads(hand.FILE.read_text(encoding="utf-8"))
    written["models"]["gpt-4o"]["sources"] = ["somebody said so"]
    file = tmp_path / "by_hand.json"
    file.write_text(json.dumps(written), encoding="utf-8")
    monkeypatch.setattr(hand, "FILE", file)

    with pytest.raises(ValueError, match="gpt-4o"):
        by_hand.__wrapped__()
