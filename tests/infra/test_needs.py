"""A function that lacks a library, a variable or a right fails in production only, when somebody calls it."""

import ast
import json
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.infra.needs import ENCODINGS, SHARED, needs_of, runtime_nodes, tree_of
from tests.infra.template import ROOT, functions, handler, layers, variables

CLIENTS = ROOT / "tests" / "system" / "conformance" / "node"
FOLDERS = {"BaseLayer": "base", "OpenAiLayer": "openai", "PostgresLayer": "postgres", "HttpLayer": "http"}
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
GIVEN_BY_LAMBDA = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
}
LOCKS = [*(ROOT / "requirements").glob("*.txt"), *(ROOT / "layers" / "dependencies").glob("*/requirements.txt")]
EVERY_FUNCTION = pytest.mark.parametrize("name", sorted(functions()))


@EVERY_FUNCTION
def test_every_import_is_satisfied_by_a_layer(name: str) -> None:
    function = functions()[name]
    needed = needs_of(handler(function)).third_party - set(sys.stdlib_module_names)
    provided = set().union(*(importable(layer) for layer in layers(function)))

    assert needed <= provided


@EVERY_FUNCTION
def test_no_layer_is_carried_for_nothing(name: str) -> None:
    function = functions()[name]
    needed = needs_of(handler(function)).third_party

    for layer in set(layers(function)) - {"BaseLayer", "SharedLayer"}:
        assert importable(layer) & needed, f"nothing of {layer} is imported"


@EVERY_FUNCTION
def test_every_setting_that_is_read_is_given(name: str) -> None:
    function = functions()[name]

    assert needs_of(handler(function)).settings <= variables(function) | GIVEN_BY_LAMBDA


def test_the_layer_has_each_service_that_boto3_is_asked_for() -> None:
    kept = re.search(
        r"^AWS_SERVICES := (.+)$", (ROOT / "layers" / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert kept is not None
    sources = [path.read_text(encoding="utf-8") for path in (SHARED / "tollgate").rglob("*.py")]
    asked = {
        service for text in sources for service in re.findall(r"""(?:client|resource)\(\s*["']([a-z0-9-]+)["']""", text)
    }

    assert "dynamodb" in asked
    assert asked <= set(kept[1].split())


def test_the_domain_imports_the_standard_library_and_itself() -> None:
    allowed = {*sys.stdlib_module_names, "tollgate"}

    for path in (SHARED / "tollgate" / "domain").glob("*.py"):
        assert top_level_imports(path) <= allowed, path.name


def test_layers_have_the_versions_that_the_tests_ran_with() -> None:
    tested = locked(ROOT / "requirements" / "dev.txt")

    for folder in FOLDERS.values():
        layer = locked(ROOT / "layers" / "dependencies" / folder / "requirements.txt")
        assert layer.items() <= tested.items(), folder


def test_locks_name_no_registry() -> None:
    for lock in LOCKS:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert not re.search(r"^\s*--?(i|index-url|extra-index-url|find-links|f)\b", text, re.MULTILINE)


def test_the_lock_of_the_javascript_clients_names_no_registry() -> None:
    lock = json.loads((CLIENTS / "package-lock.json").read_text(encoding="utf-8"))

    packages = [package for name, package in lock["packages"].items() if name]
    assert all(package.keys() >= {"version", "integrity"} for package in packages)
    assert not any("resolved" in package for package in packages)


@cache
def importable(layer: str) -> frozenset[str]:
    if layer == "EncodingsLayer":
        return frozenset({ENCODINGS})
    if layer not in FOLDERS:
        return frozenset()
    names = {normal(name) for name in locked(ROOT / "layers" / "dependencies" / FOLDERS[layer] / "requirements.txt")}
    return frozenset(
        module
        for module, packages in packages_distributions().items()
        if names & {normal(package) for package in packages}
    )


def locked(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def top_level_imports(path: Path) -> set[str]:
    found = set()
    for node in runtime_nodes(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found
