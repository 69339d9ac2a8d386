"""What the Markdown says of the repository is so: links, anchors, commands, variables, folders."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.markdown import ROOT, anchors, commands, documents, links, target_of, text
from tests.infra.template import functions, variables

README = Path("README.md")
EACH = pytest.mark.parametrize("document", documents(), ids=str)
NAME = re.compile(r"`([A-Z_][A-Z0-9_]+)`")
READ_BY_SETTINGS = re.compile(r'_(?:text|flag|decimal|one_of|whole)\(\s*"([A-Z0-9_]+)"')
# Of libraries and of Lambda itself, which read them without us.
NOT_OURS = ("AWS_", "POWERTOOLS_", "LOG_LEVEL")
BENCH = re.compile(r"BENCH=(?:'([a-z ]+)'|([a-z]+))")
# A file, or folders on one line.
ENTRY = re.compile(r"(?P<indent> *)(?P<names>[\w./]+/(?: +[\w.]+/)*|[\w]+\.[a-z]+)(?: |$)")


@EACH
def test_every_link_leads_to_something_that_is_there(document: Path) -> None:
    broken = []
    for link in links(document):
        target, anchor = target_of(document, link)
        if not (ROOT / target).exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_who_begins_at_the_readme_finds_every_document() -> None:
    """A link to a folder leads to all in it."""
    found, ahead = {README}, [README]
    while ahead:
        here = ahead.pop()
        for link in links(here):
            target, _ = target_of(here, link)
            for each in documents():
                if each not in found and target in (each, each.parent):
                    found.add(each)
                    ahead.append(each)

    assert sorted(set(documents()) - found) == []


@EACH
def test_every_make_target_that_is_named_is_one(document: Path) -> None:
    named = {found[1] for command in commands(document) if (found := re.match(r"make ([a-z][a-z-]*)\b", command))}

    assert named - targets() == set()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@EACH
def test_every_benchmark_and_module_that_is_named_is_there(document: Path) -> None:
    lines = list(commands(document))
    modules = {found[1] for line in lines for found in re.finditer(r"python -m ((?:infra|tests)[.a-z_]*)", line)}
    benches = {name for line in lines for found in BENCH.finditer(line) for name in (found[1] or found[2]).split()}

    assert [name for name in sorted(modules) if not is_module(name)] == []
    assert benches - benchmarks() == set()


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def benchmarks() -> set[str]:
    return set(re.findall(r'"tests\.bench\.([a-z]+)"', (ROOT / "tests/bench/__main__.py").read_text(encoding="utf-8")))


def test_the_readme_and_the_example_name_the_same_variables() -> None:
    assert in_readme() == in_example()


def test_what_the_readme_names_is_read_somewhere() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources())

    assert [name for name in sorted(in_readme()) if f'"{name}"' not in code] == []


def test_what_functions_read_is_given_by_the_template_and_the_other_way_round() -> None:
    given = {name for each in functions().values() for name in variables(each) if not name.startswith(NOT_OURS)}
    read = set(READ_BY_SETTINGS.findall((ROOT / "layers/shared/tollgate/settings.py").read_text(encoding="utf-8")))
    others = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "layers/shared/tollgate").rglob("*.py"))

    assert read - given == set()
    assert [name for name in sorted(given - read) if f'"{name}"' not in others] == []


def in_readme() -> set[str]:
    table = text(README).partition("\n## The environment\n")[2].partition("\n## ")[0]
    return {name for row in table.splitlines() if row.startswith("| `") for name in names_of(row)}


def names_of(row: str) -> Iterator[str]:
    """In a row's first cell `SERVICETITAN_CLIENT_ID`, `_APP_KEY` are two names of one family."""
    names = NAME.findall(row.split(" | ", maxsplit=1)[0])
    family = names[0].split("_")[0]
    yield from (f"{family}{name}" if name.startswith("_") else name for name in names)


def in_example() -> set[str]:
    return set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))


def sources() -> Iterator[Path]:
    for folder in ("layers/shared", "infra", "functions"):
        yield from (ROOT / folder).rglob("*.py")


def test_the_map_of_the_repository_has_every_folder_and_nothing_else() -> None:
    mapped = set(folders_of_the_map())

    assert [path for path in sorted(mapped) if not (ROOT / path).exists()] == []
    for parent in (".", "functions", "infra", "layers", "layers/shared/tollgate", "tests"):
        there = {path.relative_to(ROOT) for path in (ROOT / parent).iterdir() if is_folder_of_ours(path)}
        assert there - mapped == set(), parent


def is_folder_of_ours(path: Path) -> bool:
    """Those with something of ours in them: a tool may have left an empty one."""
    is_hidden = path.name.startswith((".", "__"))
    return path.is_dir() and not is_hidden and any(each.is_file() and each.suffix != ".pyc" for each in path.rglob("*"))


def folders_of_the_map() -> Iterator[Path]:
    """An entry is two blanks deeper than what it lies in; a line may have several."""
    block = text(Path("infra/architecture.md")).partition("\n## The repository\n")[2].split("```")[1]
    above: list[str] = []
    for line in block.strip("\n").splitlines():
        entry = ENTRY.match(line)
        assert entry is not None, line
        depth, names = len(entry["indent"]) // 2, entry["names"].split()
        above = [*above[:depth], names[0]]
        for name in names:
            place = Path(*above[:depth], name)
            yield from (place, *(parent for parent in place.parents if parent != Path()))
