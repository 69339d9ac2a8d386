"""ministack, mended in three places.

It forgets over a restart what a table's stream still owes to its readers: spans that were not in Postgres yet would be lost
by `make down`, and the reader, whose place in the stream is kept, would wait for a new stream to catch up with the old one.

It unpacks every layer anew for each function's process: seven thousand files for one that imports the SDK.

It takes a template's numbers as the text that parameters are, and then compares a queue's concurrency with a number.
"""

import hashlib
import os
import shutil
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import dynamodb, lambda_svc

from infra.local.services import UNSAVED

UNPACKED_KEPT_S = 86_400.0


def main() -> None:
    marker = Path(os.environ["STATE_DIR"]) / UNSAVED
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    dynamodb.get_state = with_streams(dynamodb.get_state)
    dynamodb.load_persisted_state = restoring_streams(dynamodb.load_persisted_state)
    app.save_all = then_remove(marker, app.save_all)
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": UnpackedOnce})
    lambda_svc._sqs_esm_concurrency = with_whole_number(lambda_svc._sqs_esm_concurrency)
    forget_old_layers()
    app.main()


def unpacked() -> Path:
    """In the state, so that the next start finds its layers ready."""
    return Path(os.environ["STATE_DIR"]).parent / "unpacked"


def forget_old_layers() -> None:
    for layer in unpacked().glob("*"):
        if time.time() - layer.stat().st_mtime > UNPACKED_KEPT_S:
            shutil.rmtree(layer, ignore_errors=True)


class UnpackedOnce(zipfile.ZipFile):
    """Unpacks an archive the first time, and links to that from then on: read-only for all, as Lambda's /opt is."""

    locks: ClassVar[defaultdict[Path, threading.Lock]] = defaultdict(threading.Lock)

    def namelist(self) -> list[str]:
        """ministack looks at each name before it unpacks, twice along its whole path. Once is enough."""
        with self.locks[self.shared]:
            return [] if self.shared.exists() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:  # noqa: ARG002
        with self.locks[self.shared]:
            if not self.shared.exists():
                unfinished = self.shared.with_suffix(".unfinished")
                # Named here, because zipfile would ask `namelist`, which waits for this lock.
                super().extractall(unfinished, super().namelist(), pwd)
                unfinished.rename(self.shared)
        Path(path).rmdir()
        Path(path).symlink_to(self.shared)
        os.utime(self.shared)
        # Twenty megabytes for each process otherwise.
        Path(self.name).unlink()

    @cached_property
    def shared(self) -> Path:
        """Named by the archive's directory, which has the checksum of every file."""
        with Path(self.name).open("rb") as archive:
            archive.seek(self.start_dir)
            return unpacked() / hashlib.sha256(archive.read()).hexdigest()

    @property
    def name(self) -> str:
        assert self.filename is not None
        return self.filename


def with_whole_number(concurrency: Callable[..., int]) -> Callable[..., int]:
    def of_mapping(mapping: dict[str, Any], *others: Any) -> int:
        scaling = {name: int(value) for name, value in (mapping.get("ScalingConfig") or {}).items()}
        return concurrency({**mapping, "ScalingConfig": scaling}, *others)

    return of_mapping


def with_streams(get_state: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    def get_all() -> dict[str, Any]:
        return {**get_state(), "stream_records": unread_records(), "stream_sequence": dynamodb._stream_seq_counter}

    return get_all


def restoring_streams(load: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def load_all(state: dict[str, Any]) -> None:
        load(state)
        for account, region, table, trimmed, records in state.get("stream_records", []):
            dynamodb._stream_records.set_scoped(account, region, table, records)
            dynamodb._stream_trimmed.set_scoped(account, region, table, trimmed)
        dynamodb._stream_seq_counter = state.get("stream_sequence", 0)

    return load_all


def then_remove(marker: Path, save_all: Callable[..., None]) -> Callable[..., None]:
    def save(services: dict[str, Callable[[], object]]) -> None:
        save_all(services)
        marker.unlink(missing_ok=True)

    return save


def unread_records() -> list[tuple[str, str, str, int, list[dict[str, Any]]]]:
    """Of each table: how many records are left out as read by all, and the others."""
    unread = []
    for (account, region, table), records in list(dynamodb._stream_records._data.items()):
        trimmed = dynamodb._stream_trimmed.get_scoped(account, region, table, 0)
        read = max(0, min(positions(account, region, table), default=trimmed) - trimmed)
        unread.append((account, region, table, trimmed + read, records[read:]))
    return unread


def positions(account: str, region: str, table: str) -> list[int]:
    readers = lambda_svc._esms._data.items()
    stream = f":dynamodb:{region}:{account}:table/{table}/stream/"
    ids = [reader["UUID"] for _, reader in readers if stream in reader.get("EventSourceArn", "")]
    places = lambda_svc._dynamodb_stream_positions
    return [places.get_scoped(account, region, reader, 0) for reader in ids]


if __name__ == "__main__":
    main()
