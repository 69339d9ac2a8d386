"""Which of our functions and methods a handler can come to, found by following its source.

What a name means is looked up as Python does it; whose a method is, by the annotations that mypy checks: `ports.ledger.post` is that of
each class that is made and can be a `Ledger`. Where the annotations do not say, a method of that name of any class that is made counts:
rather too much than too little.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.infra.needs import file_of, tree_of
from tests.infra.template import ROOT

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


class Symbol(NamedTuple):
    """`name` is empty for a module, `method` for what is none."""

    module: str
    name: str = ""
    method: str = ""


@dataclass(slots=True)
class Reach:
    """`made`: the classes of which there are objects; `asked`: for each method's name, of whom it is asked."""

    units: set[Symbol] = field(default_factory=set)
    made: set[Symbol] = field(default_factory=set)
    asked: dict[str, set[Symbol | None]] = field(default_factory=dict)

    def nodes(self) -> Iterator[tuple[Symbol, ast.AST]]:
        for unit in self.units:
            yield unit, _node(unit)


def reach_of(handler: Path) -> Reach:
    """Everything that stands in the handler's module is reached: Lambda and the router call it by name."""
    reach = Reach()
    module = ".".join(handler.relative_to(ROOT).with_suffix("").parts)
    for name in _names(module):
        _reach(Symbol(module, name), reach)
    while True:
        before = len(reach.units)
        for made in list(reach.made):
            for method in _methods_of(made):
                if any(_can_be(made, receiver) for receiver in reach.asked.get(method, ())):
                    _reach_method(made, method, reach)
        if len(reach.units) == before:
            return reach


# ---- following --------------------------------------------------------------------------------------------------------------


def _reach(symbol: Symbol, reach: Reach) -> None:
    definition = _names(symbol.module).get(symbol.name)
    if definition is None or symbol in reach.units or symbol in reach.made:
        return
    if isinstance(definition, ast.ClassDef):
        reach.made.add(symbol)
        for name in _methods_of(symbol):
            if name.startswith("__"):
                _reach_method(symbol, name, reach)
        for base in definition.bases:
            found = Scope(symbol, base).global_of(base.id) if isinstance(base, ast.Name) else None
            if found is not None:
                _reach(found, reach)
        return
    reach.units.add(symbol)
    _take(symbol, reach)


def _reach_method(owner: Symbol, method: str, reach: Reach) -> None:
    unit = Symbol(owner.module, owner.name, method)
    if method in _methods_of(owner) and unit not in reach.units:
        reach.units.add(unit)
        _take(unit, reach)


def _take(unit: Symbol, reach: Reach) -> None:
    symbols, accesses = _followed(unit)
    for receiver, method in accesses:
        reach.asked.setdefault(method, set()).add(receiver)
    for symbol in symbols:
        _reach(symbol, reach)


@cache
def _followed(unit: Symbol) -> tuple[frozenset[Symbol], frozenset[tuple[Symbol | None, str]]]:
    """The functions and classes that are named there, and what is asked of which objects."""
    scope = Scope(unit, _node(unit))
    symbols: set[Symbol] = set()
    accesses: set[tuple[Symbol | None, str]] = set()
    for each in _without_annotations(_node(unit)):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            found = scope.global_of(each.id)
            if found is not None and found.name:
                symbols.add(found)
        elif isinstance(each, ast.Attribute):
            module = scope.module_of(each.value)
            if module is not None:
                symbols.add(Symbol(module, each.attr))
            else:
                accesses.add((scope.type_of(each.value), each.attr))
    return frozenset(symbols), frozenset(accesses)


def _without_annotations(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        if isinstance(node, ast.If) and name == "body" and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _without_annotations(child)


# ---- what a name means ------------------------------------------------------------------------------------------------------


@cache
def _tree(module: str) -> ast.Module | None:
    """None for what is not ours."""
    match module.split("."):
        case ["tollgate", *_]:
            path = file_of(module)
        case ["functions", *parts]:
            path = ROOT.joinpath("functions", *parts).with_suffix(".py")
        case _:
            path = None
    return tree_of(path) if path else None


@cache
def _names(module: str) -> dict[str, Definition]:
    tree = _tree(module)
    found: dict[str, Definition] = {}
    for node in tree.body if tree else []:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found


@cache
def _methods_of(owner: Symbol) -> frozenset[str]:
    definition = _names(owner.module).get(owner.name)
    return frozenset(_methods(definition)) if isinstance(definition, ast.ClassDef) else frozenset()


def _methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}


def _node(unit: Symbol) -> ast.AST:
    definition = _names(unit.module)[unit.name]
    return _methods(definition)[unit.method] if isinstance(definition, ast.ClassDef) else definition


@cache
def _imports_of_module(module: str) -> dict[str, Symbol]:
    tree = _tree(module)
    if tree is None:
        return {}
    top = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {name: symbol for node in top for name, symbol in _imports_in(node)}


def _imports_in(node: ast.AST) -> Iterator[tuple[str, Symbol]]:
    for each in ast.walk(node):
        if isinstance(each, ast.ImportFrom) and each.module:
            for alias in each.names:
                inner = f"{each.module}.{alias.name}"
                found = Symbol(inner) if _tree(inner) is not None else Symbol(each.module, alias.name)
                yield alias.asname or alias.name, found


class Scope:
    """What names mean inside one function, method or statement."""

    def __init__(self, unit: Symbol, node: ast.AST) -> None:
        self._unit = unit
        self._imports = {**_imports_of_module(unit.module), **dict(_imports_in(node))}
        self._annotated: dict[str, ast.expr | None] = {}
        self._assigned: dict[str, ast.expr | None] = {}
        for each in ast.walk(node):
            if isinstance(each, ast.arg):
                self._annotated[each.arg] = each.annotation
            elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and unit.name != each.id:
                self._assigned.setdefault(each.id, None)
        for each in ast.walk(node):
            match each:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self._assigned:
                    self._assigned[name] = value
                case ast.withitem(optional_vars=ast.Name(id=name), context_expr=value):
                    self._assigned[name] = value

    def global_of(self, name: str) -> Symbol | None:
        if name in self._annotated or name in self._assigned:
            return None
        if name in _names(self._unit.module):
            return Symbol(self._unit.module, name)
        return self._imports.get(name)

    def module_of(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            found = self.global_of(node.id)
            if found is not None and not found.name:
                return found.module
        return None

    def type_of(self, node: ast.AST, *, depth: int = 0) -> Symbol | None:
        """The class or protocol of a value; None where the source does not say."""
        if depth > 8:
            return None
        match node:
            case ast.Name(id=name):
                return self._type_of_name(name, depth)
            case ast.Attribute(value=value, attr=name) if self.module_of(value) is None:
                owner = self.type_of(value, depth=depth + 1)
                return _field(owner, name) if owner else None
            case ast.Call(func=func):
                return self._result_of(func, depth)
        return None

    def _type_of_name(self, name: str, depth: int) -> Symbol | None:
        if name == "self" and self._unit.method:
            return Symbol(self._unit.module, self._unit.name)
        if name in self._annotated:
            return _annotated(self._annotated[name], self._unit.module)
        if name in self._assigned:
            value = self._assigned[name]
            return self.type_of(value, depth=depth + 1) if value is not None else None
        return self._type_of_global(name, depth)

    def _type_of_global(self, name: str, depth: int) -> Symbol | None:
        found = self.global_of(name)
        if found is None or not found.name:
            return None
        match _names(found.module).get(found.name):
            case ast.Assign(value=value):
                return Scope(found, value).type_of(value, depth=depth + 1)
            case ast.AnnAssign(annotation=annotation):
                return _annotated(annotation, found.module)
        return None

    def _result_of(self, func: ast.expr, depth: int) -> Symbol | None:
        target: Symbol | None = None
        if isinstance(func, ast.Name):
            target = self.global_of(func.id)
            if target is None and func.id in self._annotated:
                return _annotated(_returned(self._annotated[func.id]), self._unit.module)
        elif isinstance(func, ast.Attribute):
            module = self.module_of(func.value)
            if module is not None:
                target = Symbol(module, func.attr)
            else:
                owner = self.type_of(func.value, depth=depth + 1)
                return _returned_by(owner, func.attr) if owner else None
        if target is None:
            return None
        if _is_foreign(target):
            # What a library's function gives may be one of ours, `replace(page)`; what its class makes is not.
            return target if target.name[:1].isupper() else None
        definition = _names(target.module).get(target.name)
        if isinstance(definition, ast.ClassDef):
            return target
        return _annotated(definition.returns, target.module) if isinstance(definition, ast.FunctionDef) else None


def _returned(annotation: ast.expr | None) -> ast.expr | None:
    """`Callable[[...], X]` gives an X."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Callable"), slice=ast.Tuple(elts=[_, result])):
            return result
    return None


def _returned_by(owner: Symbol, method: str) -> Symbol | None:
    definition = _names(owner.module).get(owner.name)
    if isinstance(definition, ast.ClassDef) and method in _methods(definition):
        return _annotated(_methods(definition)[method].returns, owner.module)
    return None


def _annotated(annotation: ast.expr | None, module: str) -> Symbol | None:
    match annotation:
        case ast.Constant(value=str(text)):
            return _annotated(ast.parse(text, mode="eval").body, module)
        case ast.BinOp(left=left, op=ast.BitOr()):
            return _annotated(left, module)
        case ast.Name(id=name):
            found = Symbol(module, name) if name in _names(module) else _imports_of_module(module).get(name)
            if found is None or found.name == "Any":
                return None
            is_class = isinstance(_names(found.module).get(found.name), ast.ClassDef)
            return found if is_class or _is_foreign(found) else None
    return None


@cache
def _field(owner: Symbol, name: str) -> Symbol | None:
    """A dataclass's field, or what `__init__` puts there from an argument."""
    definition = _names(owner.module).get(owner.name)
    if not isinstance(definition, ast.ClassDef):
        return None
    for each in definition.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == name:
            return _annotated(each.annotation, owner.module)
    init = _methods(definition).get("__init__")
    for line in ast.walk(init) if init else ():
        match line:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)], value=value):
                if attribute == name:
                    return Scope(Symbol(owner.module, owner.name, "__init__"), init).type_of(value)  # type: ignore[arg-type]
            case ast.AnnAssign(target=ast.Attribute(attr=attribute), annotation=annotation):
                if attribute == name:
                    return _annotated(annotation, owner.module)
    return None


def _is_foreign(symbol: Symbol) -> bool:
    """A class of a library's, or what its function gives: it has no method of ours."""
    return symbol.module.split(".", maxsplit=1)[0] not in ("tollgate", "functions")


@cache
def _can_be(made: Symbol, wanted: Symbol | None) -> bool:
    """Whether a value of the class `made` can stand where `wanted` is asked for: it is it, or has all that a protocol wants."""
    if wanted is None or made == wanted:
        return True
    mine, theirs = _names(made.module).get(made.name), _names(wanted.module).get(wanted.name)
    if not isinstance(theirs, ast.ClassDef) or not isinstance(mine, ast.ClassDef):
        return False
    if any(isinstance(base, ast.Name) and base.id == wanted.name for base in mine.bases):
        return True
    is_protocol = any(isinstance(base, ast.Name) and base.id == "Protocol" for base in theirs.bases)
    return is_protocol and all(
        name in _methods(mine) and _arguments(wanted_method) <= _arguments(_methods(mine)[name])
        for name, wanted_method in _methods(theirs).items()
    )


def _arguments(method: ast.FunctionDef) -> set[str]:
    return {each.arg for each in (*method.args.args, *method.args.kwonlyargs)}
