"""The local stack's Postgres by itself, migrated. It does not wait for its disk (fsync is off)."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from infra.local import daemons, postgres
from infra.local.configuration import Configuration
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_schema import PostgresSchema, migrations
from tollgate.usecases.migrate_database import migrate_database


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Of all its processes, since each began: to a hundredth of a second each, so that only a sum of much work says something."""
        times = [each.cpu_times() for each in (self.process, *self.process.children())]
        return sum(each.user + each.system for each in times)


@contextmanager
def local_postgres() -> Iterator[Server]:
    """On POSTGRES_PORT where it is set, else a free port."""
    with TemporaryDirectory(prefix="tollgate-bench-") as folder:
        state = Path(folder)
        port = os.environ.get("POSTGRES_PORT") or _free_port()
        configuration = Configuration(state=state, builds=state, environment={"POSTGRES_PORT": str(port)})
        (state / "run").mkdir()
        postgres.prepare(configuration)
        daemon = postgres.postgres(configuration)
        daemons.start(daemon, state)
        try:
            daemons.wait_until_ready(daemon, state)
            postgres.create_database(configuration)
            url = postgres.url(configuration)
            with closing(Postgres(url)) as owner:
                migrate_database(migrations(), PostgresSchema(owner))
            postgres.give_passwords(configuration)
            running = daemons.running(state, daemon.name)
            assert running is not None
            yield Server(url=url, process=running)
        finally:
            daemons.stop(state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)
            daemons.started.pop().wait(10)
            postgres.forget(state)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
