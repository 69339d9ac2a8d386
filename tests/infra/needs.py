"""What a function imports and which variables it reads, found by following its handler's source.

Everything that a module imports counts, whether at its top or where it is used. Only wiring.py, which can build everything,
is followed by what the handler asks of it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.infra.template import ROOT

SHARED = ROOT / "layers" / "shared"
WIRING = "tollgate.wiring"
# In a layer of its own, where it is found and not imported.
ENCODINGS = "tollgate_encodings"


@dataclass(slots=True)
class Needs:
    modules: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    third_party: set[str] = field(default_factory=set)
    builders: set[str] = field(default_factory=set)


def needs_of(handler: Path) -> Needs:
    needs = Needs()
    follow(tree_of(handler), needs)
    return needs


def follow(node: ast.AST, needs: Needs) -> None:
    for name in wanted_of_wiring(node):
        follow_builder(name, needs)
    needs.settings |= settings_read(node)
    for module in imported(node):
        follow_module(module, needs)


def follow_module(module: str, needs: Needs) -> None:
    if module.split(".", maxsplit=1)[0] != "tollgate":
        needs.third_party.add(module.split(".", maxsplit=1)[0])
        return
    path = file_of(module)
    if path is None or module == WIRING or module in needs.modules:
        return
    needs.modules.add(module)
    follow(tree_of(path), needs)


def follow_builder(name: str, needs: Needs) -> None:
    """One of wiring's functions: what it imports inside, and the other ones that it calls."""
    if name in needs.builders or name not in builders():
        return
    needs.builders.add(name)
    follow(builders()[name], needs)
    for node in ast.walk(builders()[name]):
        if isinstance(node, ast.Name):
            follow_builder(node.id, needs)


@cache
def builders() -> dict[str, ast.FunctionDef]:
    tree = tree_of(SHARED / "tollgate" / "wiring.py")
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def wanted_of_wiring(node: ast.AST) -> Iterator[str]:
    """`wiring.ledger` in a handler; inside wiring.py the names are followed themselves."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "wiring":
            yield each.attr


def settings_read(node: ast.AST) -> set[str]:
    """`settings().ledger_table` is the variable LEDGER_TABLE; so is what is asked of os.environ."""
    found = set()
    for each in ast.walk(node):
        match each:
            case ast.Attribute(
                value=ast.Call(func=ast.Name(id="settings") | ast.Attribute(attr="settings")), attr=name
            ):
                found.add(name.upper())
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                found.add(name)
    return found


def imported(node: ast.AST) -> Iterator[str]:
    for each in runtime_nodes(node):
        if isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        elif isinstance(each, ast.ImportFrom) and each.module:
            yield each.module
            # `from tollgate.domain import money` imports a module too.
            yield from (
                f"{each.module}.{alias.name}" for alias in each.names if each.module.split(".")[0] == "tollgate"
            )
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "find_spec":
            yield from (str(name.value) for name in each.args if isinstance(name, ast.Constant))


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All but what stands under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from runtime_nodes(child)


def file_of(module: str) -> Path | None:
    path = SHARED.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
