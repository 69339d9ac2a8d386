"""template.yaml as CloudFormation gets it from SAM, with the parameters of an installation."""

import copy
import logging
import os
from collections.abc import Iterator, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from samtranslator.translator.transform import transform

from tests.infra.template import template

# What has no default, and what is there only where it is wanted.
GIVEN = {
    "Release": "0123456789abcdef",
    "DatabaseUrl": "postgresql://tollgate@proxy:5432/tollgate",
    "OpenAiApiKeySecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:openai",
}


def production(**parameters: str) -> Mapping[str, Any]:
    """The resources, with the template's defaults but for `parameters`."""
    return _translated(tuple(sorted((GIVEN | parameters).items())))


@cache
def _translated(parameters: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    packaged = copy.deepcopy(dict(template()))
    for resource in packaged["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][name] = f"s3://packaged/{resource['Properties'][name]}"
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with patch.dict(os.environ, {"AWS_DEFAULT_REGION": "us-east-1"}):
            told = transform(packaged, dict(parameters), SimpleNamespace(load=dict))
    finally:
        logging.disable(before)
    return dict(told["Resources"])


def of_kind(resources: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in resources.items() if each["Type"] == kind}


def references(value: object) -> Iterator[str]:
    """The names that a value refers to."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]} | {"Fn::GetAtt": str(name)}:
            yield name.split(".", maxsplit=1)[0]
        case dict():
            for each in value.values():
                yield from references(each)
        case list():
            for each in value:
                yield from references(each)
        case str() if "${" in value:
            yield from (part.split("}", maxsplit=1)[0].split(".")[0] for part in value.split("${")[1:])
