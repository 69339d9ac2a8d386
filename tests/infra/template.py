"""template.yaml as the tests look at it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).parents[2]
FUNCTION = "AWS::Serverless::Function"


@cache
def template() -> Mapping[str, Any]:
    return dict(yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8")))


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
