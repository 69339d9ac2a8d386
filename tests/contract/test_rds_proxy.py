"""Ways with RDS Proxy: who is trusted, what is sent as a password, and that nothing keeps a connection of its pool."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import botocore
import psycopg
import pytest
from cryptography import x509

from tests.contract.test_roles import DEEDS
from tests.fakes.rds_proxy import RdsProxy, certificate, pins, rds_proxy
from tests.fakes.spans import placed
from tollgate.adapters import postgres as adapter
from tollgate.adapters.postgres import Postgres, iam_token
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.errors import SpansUnavailable

ROOT = Path(adapter.__file__).parent
# Run by the migration alone, whose connection ends with it.
MIGRATION = frozenset({"give_rights"})


@pytest.fixture
def proxy(tmp_path: Path, database: str) -> Iterator[RdsProxy]:
    parts = psycopg.conninfo.conninfo_to_dict(database)
    with rds_proxy(tmp_path, f"{parts['host']}/.s.PGSQL.5432") as proxy:
        yield proxy


@pytest.fixture
def name(database: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])


def test_all_that_functions_do_pins_no_connection(proxy: RdsProxy, name: str) -> None:
    for role, deeds in DEEDS.items():
        with closing(Postgres(proxy.url(name), user=role, password=lambda: "token")) as postgres:
            for deed in deeds:
                deed(postgres)
            PostgresSpans(postgres).ping(timedelta(seconds=5))

    # Who drops a month, once a day, reads all of it first; and whole days are summed again by hand.
    assert set(proxy.faults) == {"SET LOCAL statement_timeout = 0"}
    assert len(proxy.statements) > 30
    assert [each["user"] for each in proxy.startups] == list(DEEDS)
    assert all(not each.keys() & {"options", "search_path", "statement_timeout"} for each in proxy.startups)


def test_each_connection_brings_a_token_of_its_own(proxy: RdsProxy, name: str) -> None:
    tokens = count(1)
    with closing(Postgres(proxy.url(name), password=lambda: f"token {next(tokens)}")) as postgres:
        spans = PostgresSpans(postgres)
        spans.add([placed(1)])
        spans.add([placed(2)])
        proxy.end_sessions()
        assert spans.add([placed(2), placed(3)]).count == 1

    assert proxy.passwords == ["token 1", "token 2"]


def test_a_server_that_nobody_vouches_for_is_told_nothing(proxy: RdsProxy, name: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    _, others = certificate(tmp_path / "other")
    with (
        closing(Postgres(proxy.url(name, roots=others), password=lambda: "token")) as postgres,
        pytest.raises(SpansUnavailable),
    ):
        PostgresSpans(postgres).add([placed(1)])

    assert proxy.passwords == proxy.startups == []


def test_a_server_of_another_name_is_told_nothing(proxy: RdsProxy, name: str) -> None:
    with (
        closing(Postgres(proxy.url(name, host="127.0.0.1"), password=lambda: "token")) as postgres,
        pytest.raises(SpansUnavailable),
    ):
        PostgresSpans(postgres).add([placed(1)])

    assert proxy.passwords == proxy.startups == []


def test_without_a_word_in_the_address_the_public_authorities_are_trusted_and_amazon_s_is_one(
    proxy: RdsProxy, name: str
) -> None:
    url = proxy.url(name).partition("&sslrootcert")[0]
    with closing(Postgres(url, password=lambda: "token")) as postgres, pytest.raises(SpansUnavailable) as caught:
        PostgresSpans(postgres).add([placed(1)])
    roots = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    amazon = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", roots, re.DOTALL)
    names = [
        x509.load_pem_x509_certificate(each).subject.rfc4514_string() for each in amazon if b"MIIDQTCCAimg" in each
    ]

    assert "certificate verify failed" in str(caught.value.__cause__)
    assert names == ["CN=Amazon Root CA 1,O=Amazon,C=US"]


def test_a_token_is_for_the_role_that_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "a")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    url = "postgresql://tollgate@proxy.example:5433/tollgate?sslmode=verify-full"

    token = iam_token(url, user="tollgate_writer")()

    assert token.startswith("proxy.example:5433/?Action=connect&DBUser=tollgate_writer&")


@pytest.mark.parametrize("path", sorted((ROOT / "queries").glob("*.sql")), ids=lambda path: path.stem)
def test_no_query_pins(path: Path) -> None:
    assert pins(path.read_text(encoding="utf-8")) is (path.stem in MIGRATION)


def test_no_column_of_what_is_written_all_day_draws_from_a_sequence(database: str) -> None:
    """Whether the proxy sees the `nextval` behind an identity is nowhere said."""
    drawn = (
        "SELECT refobjid::regclass::text FROM pg_depend JOIN pg_class AS sequence ON sequence.oid = objid"
        " WHERE relkind = 'S' AND refclassid = 'pg_class'::regclass AND refobjsubid > 0"
    )
    with psycopg.connect(database) as connection:
        tables = {table for (table,) in connection.execute(drawn).fetchall()}

    assert not {table for table in tables if table.startswith(("spans", "servicetitan")) or "rollup" in table}


@pytest.mark.parametrize(
    "statement",
    [
        "SET statement_timeout = 0",
        "SELECT 1; set search_path = x",
        "PREPARE q AS SELECT 1",
        "SELECT pg_advisory_lock(1)",
        "SELECT nextval('numbers')",
        "SELECT set_config('a.b', 'c', true)",
        "CREATE TEMPORARY TABLE t ()",
        "LISTEN spans",
        f"SELECT '{'x' * 17_000}'",
    ],
)
def test_what_pins_by_aws_s_list_is_told_from_what_does_not(statement: str) -> None:
    assert pins(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_advisory_xact_lock(1)",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
        "UPDATE t SET a = 'SET b'; -- SET c",
        "BEGIN",
    ],
)
def test_what_ends_with_its_transaction_does_not_pin(statement: str) -> None:
    assert not pins(statement)


def test_partitions_are_made_without_pinning(proxy: RdsProxy, name: str) -> None:
    with closing(Postgres(proxy.url(name), user="tollgate_rollup", password=lambda: "token")) as postgres:
        PostgresSpans(postgres).make_partitions(date(2032, 1, 1))

    assert proxy.faults == []
