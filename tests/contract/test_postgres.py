import os
import signal
import socket
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.fakes.spans import placed
from tollgate.adapters.postgres import Postgres, iam_token
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.errors import SpansUnavailable


def end_all_sessions(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_connection_that_was_cut_is_made_anew(spans: PostgresSpans, database: str) -> None:
    spans.add([placed(1)])
    end_all_sessions(database)

    added = spans.add([placed(1), placed(2)])

    assert added.count == 1


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    spans = PostgresSpans(Postgres(f"postgresql://tollgate@/nothing?host={tmp_path}"))

    with pytest.raises(SpansUnavailable):
        spans.add([placed(1)])
    with pytest.raises(SpansUnavailable):
        spans.ping(timedelta(seconds=1))


def test_a_statement_that_takes_too_long_is_cut_off_by_the_database_itself(postgres: Postgres, database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15s",)
        connection.execute(f"ALTER DATABASE {name} SET statement_timeout = '100ms'".encode())
    try:
        with pytest.raises(SpansUnavailable):
            postgres.run(lambda connection: connection.execute("SELECT pg_sleep(5)"))
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET statement_timeout = '15s'".encode())


def test_a_wrong_statement_is_not_taken_for_an_outage(postgres: Postgres) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        postgres.run(lambda connection: connection.execute("SELECT * FROM nothing"))


def test_ping_answers_and_leaves_the_connection_as_it_was(spans: PostgresSpans) -> None:
    spans.ping(timedelta(seconds=5))

    assert spans.add([placed(1)]).count == 1


def test_ping_ends_in_time_where_a_server_takes_connections_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://tollgate@127.0.0.1:{silent.getsockname()[1]}/nothing?sslmode=disable"
        began = time.monotonic()
        with pytest.raises(SpansUnavailable):
            PostgresSpans(Postgres(url)).ping(timedelta(seconds=1))

    assert time.monotonic() - began < 4


def test_ping_ends_in_time_where_a_session_hangs(spans: PostgresSpans, postgres: Postgres) -> None:
    session = postgres.run(lambda connection: connection.info.backend_pid)
    os.kill(session, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(SpansUnavailable):
            spans.ping(timedelta(milliseconds=300))
    finally:
        os.kill(session, signal.SIGCONT)

    assert time.monotonic() - began < 2
    spans.ping(timedelta(seconds=2))


def test_a_token_is_only_made_where_the_server_is_verified() -> None:
    with pytest.raises(ValueError, match="verify-full"):
        iam_token("postgresql://tollgate@proxy.example:5432/tollgate?sslmode=require")


def test_a_token_is_signed_for_host_port_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)

    token = iam_token("postgresql://writer@proxy.example:5433/tollgate?sslmode=verify-full")()

    assert token.startswith("proxy.example:5433/?Action=connect&DBUser=writer&")
