"""No secret is in the template's variables: functions are given the names of secrets, and read them with a right of their own."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.template import functions, template, variables

# A password in it is for trials: with DatabaseIamAuth there is none, and a token takes its place.
MAY_HOLD_A_PASSWORD = "DATABASE_URL"
EVERY_FUNCTION = pytest.mark.parametrize("name", sorted(functions()))


def parameters_in(value: Any) -> set[str]:
    match value:
        case {"Ref": str(name)}:
            return {name}
        case {"Fn::Sub": str(text)}:
            return set(re.findall(r"\$\{(\w+)\}", text))
        case dict() | list():
            inner = value.values() if isinstance(value, Mapping) else value
            return {name for each in inner for name in parameters_in(each)}
    return set()


@EVERY_FUNCTION
def test_no_variable_is_given_what_the_deployment_keeps_back(name: str) -> None:
    kept_back = {parameter for parameter, each in template()["Parameters"].items() if each.get("NoEcho")}

    for variable, value in functions()[name]["Environment"]["Variables"].items():
        assert variable == MAY_HOLD_A_PASSWORD or not parameters_in(value) & kept_back, variable


@EVERY_FUNCTION
def test_a_variable_that_sounds_like_a_secret_holds_its_name(name: str) -> None:
    for variable in variables(functions()[name]):
        if re.search(r"SECRET|PASSWORD|TOKEN|API_KEY|ADMIN_KEY|CREDENTIAL", variable):
            assert variable.endswith(("_SECRET_ARN", "_SECRET_PREFIX")), variable


def test_every_parameter_that_sounds_like_a_secret_is_the_name_of_one() -> None:
    for parameter, each in template()["Parameters"].items():
        if re.search(r"Secret|Password|Token|ApiKey|AdminKey|Credential", parameter):
            assert parameter.endswith("SecretArn"), parameter
            assert "NoEcho" not in each


def test_no_output_of_the_stack_shows_a_secret() -> None:
    kept_back = {parameter for parameter, each in template()["Parameters"].items() if each.get("NoEcho")}

    assert kept_back
    assert not parameters_in(template()["Outputs"]) & kept_back
