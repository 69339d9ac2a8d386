"""A Postgres of its own for each run of the tests, out of the wheel, on a socket in a folder that goes away with it."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from infra.local.daemons import as_user
from infra.local.postgres import give_away, installed, reachable, unprivileged
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_schema import PostgresSchema, migrations
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.usecases.migrate_database import migrate_database

OPTIONS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "listen_addresses": ""}


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="tollgate-postgres-"))
    home.chmod(0o755)
    give_away(home)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(postgres_home: Path) -> Iterator[str]:
    """The address of the server, to be completed with a database's name."""
    binaries = installed() / "bin"
    if unprivileged() is not None and not reachable(binaries):
        binaries = shutil.copytree(installed(), postgres_home / "install", symlinks=True) / "bin"
    data, user = str(postgres_home / "data"), as_user(unprivileged())
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
def database(migrated_database: str) -> str:
    """The address of a migrated database without a row."""
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("TRUNCATE spans, span_rollups, rollup_watermarks")
    return migrated_database


@pytest.fixture
def postgres(database: str) -> Iterator[Postgres]:
    postgres = Postgres(database)
    yield postgres
    postgres.close()


@pytest.fixture
def spans(postgres: Postgres) -> PostgresSpans:
    return PostgresSpans(postgres)
