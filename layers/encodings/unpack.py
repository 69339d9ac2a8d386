"""Unpacks tiktoken's tables into TARGET_DIR/tollgate_encodings, under the names that tiktoken's cache expects.

Standard library only: the build runs it with whatever interpreter it has.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = "tollgate_encodings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    sha256: str

    @property
    def address(self) -> str:
        return f"https://openaipublic.blob.core.windows.net/encodings/{self.name}.tiktoken"

    @property
    def cache_name(self) -> str:
        """tiktoken's `read_file_cached` looks a table up by the sha1 of its address."""
        return hashlib.sha1(self.address.encode(), usedforsecurity=False).hexdigest()

    @property
    def packed(self) -> Path:
        return HERE / f"{self.name}.xz"

    def is_content(self, content: bytes) -> bool:
        return hashlib.sha256(content).hexdigest() == self.sha256


TABLES = (
    Table(name="o200k_base", sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    Table(name="cl100k_base", sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
)


class TableDiffers(Exception):
    """A table's content is not the one that its hash promises."""


def unpack(target: Path) -> Path:
    """The folder that `TIKTOKEN_CACHE_DIR` must name. Raises TableDiffers."""
    folder = target / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        unpack_table(table, folder)
    package = folder / "__init__.py"
    if not package.exists():
        write_whole(package, b"")
    return folder


def unpack_table(table: Table, folder: Path) -> None:
    path = folder / table.cache_name
    if path.exists() and table.is_content(path.read_bytes()):
        return
    content = lzma.decompress(table.packed.read_bytes())
    if not table.is_content(content):
        raise TableDiffers(f"{table.packed.name} does not hold {table.sha256}")
    write_whole(path, content)


def write_whole(path: Path, content: bytes) -> None:
    """All of it or nothing, also when two builds run at once."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp makes files that only their owner reads; a Lambda layer is read by another user.
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: unpack.py TARGET_DIR", file=sys.stderr)
        return 2
    print(unpack(Path(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
