"""Rebuilds the packed tables beside it from the npm package `tiktoken`.

npm pack tiktoken && tar xzf tiktoken-*.tgz
python layers/encodings/rebuild.py package/encoders
"""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

from unpack import TABLES, Table, TableDiffers, write_whole


def rebuild(table: Table, encoders: Path) -> None:
    content = b"".join(lines(table, encoders))
    if not table.is_content(content):
        raise TableDiffers(f"{table.name} in {encoders} does not give {table.sha256}")
    write_whole(table.packed, lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


def lines(table: Table, encoders: Path) -> Iterator[bytes]:
    """The package's `! <first rank> <token> <token> ...` as tiktoken's own `<token> <rank>`, tokens as base64."""
    ranks: str = json.loads((encoders / f"{table.name}.json").read_text())["bpe_ranks"]
    for run in ranks.splitlines():
        _, first, *tokens = run.split(" ")
        for rank, token in enumerate(tokens, start=int(first)):
            yield f"{token} {rank}\n".encode()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: rebuild.py ENCODERS_DIR", file=sys.stderr)
        return 2
    for table in TABLES:
        rebuild(table, Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
