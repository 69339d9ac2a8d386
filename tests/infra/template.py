"""template.yaml, and the templates of its stacks inside, as the tests look at them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).parents[2]
FUNCTION = "AWS::Serverless::Function"
STACK = "AWS::CloudFormation::Stack"


@cache
def template(path: str = "template.yaml") -> Mapping[str, Any]:
    return dict(yaml_parse((ROOT / path).read_text(encoding="utf-8")))


def state() -> Mapping[str, Any]:
    return template("infra/state.yaml")


def network() -> Mapping[str, Any]:
    return template("infra/network.yaml")


def resources(kind: str) -> dict[str, dict[str, Any]]:
    return {name: dict(each["Properties"]) for name, each in template()["Resources"].items() if each["Type"] == kind}


def functions() -> dict[str, dict[str, Any]]:
    """Each with what Globals gives it."""
    common = template()["Globals"]["Function"]
    return {name: merged(common, own) for name, own in resources(FUNCTION).items()}


def merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    both = {**common, **own}
    for name in common.keys() & own.keys():
        if isinstance(common[name], dict) and isinstance(own[name], dict):
            both[name] = merged(common[name], own[name])
    return both


def variables(function: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(function["Environment"]["Variables"])


def handler(function: Mapping[str, Any]) -> Path:
    return ROOT / str(function["CodeUri"]) / "handler.py"


def layers(function: Mapping[str, Any]) -> list[str]:
    """Those that it always has."""
    return [each["Ref"] for each in function["Layers"] if "Ref" in each]
