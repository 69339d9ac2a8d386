"""A tenant's own OpenAI project among its settings."""

import json
from dataclasses import replace

import pytest

from tests.fakes.ledger_world import a_tenant
from tollgate.domain.settings_text import settings_from_text, settings_to_text
from tollgate.edge.cost_wire import BudgetChange, changed_values


def test_the_account_keeps_it() -> None:
    settings = replace(a_tenant(), openai_project="proj_Abc-12")

    assert settings_from_text(settings_to_text(settings)) == settings


def test_an_account_from_before_there_were_projects_has_none() -> None:
    text = json.loads(settings_to_text(a_tenant()))
    del text["openai_project"]

    assert settings_from_text(json.dumps(text)) == a_tenant()


@pytest.mark.parametrize("project", ["", "acme", "proj_", "proj_a/b", "proj_a b", "proj_" + "a" * 81])
def test_what_is_no_project_s_id_is_refused(project: str) -> None:
    with pytest.raises(ValueError, match="openaiProject"):
        replace(a_tenant(), openai_project=project)


def test_null_takes_it_away_and_silence_keeps_it() -> None:
    assert changed_values(BudgetChange.model_validate({"openaiProject": None})) == {"openai_project": None}
    assert changed_values(BudgetChange.model_validate({"softCap": 0.5})).keys() == {"soft_cap"}
