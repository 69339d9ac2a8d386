"""The repository's Markdown as the tests read it: links, headings and code, by GitHub's rules."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^( *)```.*?^\1```[^\n]*$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\[[^\[\]]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")


@cache
def documents() -> tuple[Path, ...]:
    """All that is ours: nothing of a folder that begins with a dot, nor of what npm installs."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return tuple(
        sorted(path for path in found if not any(part.startswith(".") or part == "node_modules" for part in path.parts))
    )


@cache
def text(document: Path) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def links(document: Path) -> list[str]:
    """To places in the repository."""
    prose = INLINE.sub("`code`", FENCED.sub("", text(document)))
    return [target for target in LINK.findall(prose) if not target.startswith(ELSEWHERE)]


def target_of(document: Path, link: str) -> tuple[Path, str]:
    """The file or folder that a link leads to, from the repository's root, and its anchor."""
    path, _, anchor = link.partition("#")
    if not path:
        return document, anchor
    return (ROOT / document.parent / path).resolve().relative_to(ROOT), anchor


@cache
def anchors(document: Path) -> frozenset[str]:
    found: list[str] = []
    for heading in HEADING.findall(FENCED.sub("", text(document))):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(f"{slug}-{again}" if (again := sum(_is_again(each, slug) for each in found)) else slug)
    return frozenset(found)


def _is_again(anchor: str, slug: str) -> bool:
    return anchor == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", anchor) is not None


def commands(document: Path) -> Iterator[str]:
    """Lines of code, and code within a line."""
    body = text(document)
    for fence in FENCED.finditer(body):
        yield from (line.strip() for line in fence[0].splitlines()[1:-1])
    rest = FENCED.sub("", body)
    yield from (line.strip() for line in rest.splitlines() if line.startswith("    "))
    yield from (code.strip("`").strip() for code in INLINE.findall(rest))
