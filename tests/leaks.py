"""Secrets and prompts that stand in a text where none may stand: the log of a test, of the local stack, of a function.

Secrets are known by their shape, so that nobody has to keep a list of those that the tests make up. Prompts are those that the tests
send: every text in their sources that is sent as one.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
SECRETS = {
    "a key of Tollgate's": re.compile(r"tg_[a-z0-9]{12}_[A-Za-z0-9_-]{43}"),
    "a provider's key": re.compile(r"\bsk-[A-Za-z0-9][A-Za-z0-9_-]{3,}"),
    "a bearer token": re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{8,}"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ"),
    "a signature": re.compile(r"X-Amz-Signature=[0-9a-f]{32,}"),
    "a secret of ServiceTitan's": re.compile(r"local-secret-\d+|local-app-key|cs2\.very-secret|ak1\.very-secret"),
    "a collector's key": re.compile(r"\bapi-key=[A-Za-z0-9]"),
}
# Where a text is a prompt: these fields of a request, and these calls of the tests' own.
FIELDS = frozenset({"content", "input", "instructions", "text"})
CALLS = frozenset({"chat", "message", "ask", "say"})
# Shorter ones are words that any log may say by itself.
LETTERS_MIN = 10


def leaks_in(text: str) -> list[str]:
    """What leaked, each told by its kind and the words around it, with what leaked itself cut short."""
    found = [
        f"{kind}: {_around(text, match.start())}" for kind, shape in SECRETS.items() for match in shape.finditer(text)
    ]
    if any(mark in text for mark in _first_words()):
        found += [f"a prompt: {_around(text, text.index(prompt))}" for prompt in sorted(prompts()) if prompt in text]
    return found


def leaks_of(files: Iterable[Path]) -> list[str]:
    return [
        f"{file.name}: {leak}"
        for file in files
        for leak in leaks_in(file.read_text(encoding="utf-8", errors="replace"))
    ]


@cache
def prompts() -> frozenset[str]:
    """Of all tests but those of the servers that stand for others, which are the provider itself."""
    sources = [path for path in TESTS.rglob("*.py") if path.parent.name not in ("local", "bench", "soak")]
    texts = {text for path in sources for text in _prompts_in(ast.parse(path.read_text(encoding="utf-8")))}
    return frozenset(text for text in texts if len(text) >= LETTERS_MIN and " " in text)


@cache
def _first_words() -> frozenset[str]:
    """To see at once that a long text has no prompt in it."""
    return frozenset(prompt[:LETTERS_MIN] for prompt in prompts())


def _prompts_in(tree: ast.Module) -> Iterator[str]:
    named = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in FIELDS:
                        yield from _texts(value, named)
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[first, *_]) if name in CALLS:
                yield from _texts(first, named)
            case ast.keyword(arg=name, value=value) if name in FIELDS:
                yield from _texts(value, named)


def _texts(node: ast.AST, named: Mapping[str, ast.AST]) -> Iterator[str]:
    """A constant, by itself or by its name."""
    node = named.get(node.id, node) if isinstance(node, ast.Name) else node
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _around(text: str, at: int) -> str:
    return repr(text[max(0, at - 80) : at + 12])
