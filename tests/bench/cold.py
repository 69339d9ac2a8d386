"""What a cold start of each function takes, with and without compiled bytecode, whose imports those are, and how large the layers are."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.cold_start import Colds, Imported, Start, colds, function_names, middle
from tests.bench.table import table

TIMES = 5
# A ledger route, the gate, and the authorizer before both.
LOOKED_INTO = ("authorizers/authenticate_key", "routes/get_budget", "routes/create_chat_completion")
SHOWN = 25


def report(*, only: tuple[str, ...] = (), times: int = TIMES) -> Iterator[str]:
    with colds() as found:
        names = [name for name in function_names() if not only or name in only]
        yield "## cold: a fresh interpreter to the first event answered\n"
        yield (
            f"Milliseconds of CPU, medians of {times} starts; without compiled bytecode: of what the layers and the function hold, the "
            "standard library always has its own. Where a function has no event here, its clients are made instead.\n"
        )
        yield table(HEADS, [_row(found, name, times) for name in names])
        for name in LOOKED_INTO:
            if name in names:
                yield f"\nImports of {name} and of its first event, milliseconds of wall time, slower for being traced:\n"
                yield table(["module", "by itself", "with what it imports"], _imports(found.imports(name)))
        yield "\nLayers, megabytes unpacked (Lambda takes 250 with the function):\n"
        yield table(["layer", "megabytes", "files"], [_size(name, site) for name, site in found.sites.items()])


HEADS = [
    "function",
    "interpreter",
    "imports",
    "first event",
    "imports + event",
    "wall",
    "peak MB",
    "imports + event, not compiled",
]


def _row(found: Colds, name: str, times: int) -> list[object]:
    bare = middle(found.starts(name, times=times, compiled=False))
    compiled = middle(found.starts(name, times=times, compiled=True))
    return [
        name,
        _ms(compiled.interpreter_s),
        _ms(compiled.imported_s),
        _ms(compiled.answered_s),
        _ms(compiled.cpu_s),
        _ms(compiled.wall_s),
        _megabytes(compiled),
        _ms(bare.cpu_s),
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _megabytes(start: Start) -> str:
    return f"{start.peak_bytes / 2**20:.0f}"


def _imports(imported: list[Imported]) -> list[list[object]]:
    """By what each takes in all; a module in a list below it is in its figure."""
    top = sorted(imported, key=lambda each: -each.all_us)[:SHOWN]
    return [[each.name, f"{each.own_us / 1000:.1f}", f"{each.all_us / 1000:.1f}"] for each in top]


def _size(name: str, site: Path) -> list[object]:
    files = [file for file in _files(site) if "__pycache__" not in file.parts]
    return [name, f"{sum(file.stat().st_size for file in files) / 1e6:.1f}", len(files)]


def _files(folder: Path) -> Iterator[Path]:
    """Links are followed, as the layers' builds hold the files themselves."""
    for each in folder.iterdir():
        if each.is_dir():
            yield from _files(each)
        else:
            yield each


def main() -> None:
    for line in report():
        print(line, flush=True)
