"""The first user of an Aurora, who is no superuser, becomes the owner of the schema, asked by IAM."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from infra.database_owner import give_iam
from infra.local.configuration import StackError
from infra.restore import Deployed
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_schema import PostgresSchema, migrations
from tollgate.usecases.migrate_database import migrate_database

OWNER = "aurora_first_user"
# As RDS has it: its own superuser role may pass rds_iam on, and the first user is in it.
AURORA = """
    CREATE ROLE rds_iam; CREATE ROLE rds_superuser; GRANT rds_iam TO rds_superuser WITH ADMIN OPTION, INHERIT FALSE;
    CREATE ROLE aurora_first_user LOGIN CREATEROLE CREATEDB; GRANT rds_superuser TO aurora_first_user;
"""
NO_AURORA = "DROP ROLE rds_iam; DROP ROLE aurora_first_user; DROP ROLE rds_superuser;"
SECRET = "arn:aws:secretsmanager:us-east-1:1:secret:rds!cluster-1"


@dataclass
class Aurora:
    """RDS and its Data API, before a Postgres. `sleeps`: how often it says that it is waking up."""

    url: str
    sleeps: int = 0
    secret: dict[str, Any] = field(default_factory=lambda: {"MasterUserSecret": {"SecretArn": SECRET}})

    def client(self, service: str) -> Any:
        assert service in ("rds", "rds-data")
        return self

    def describe_db_clusters(self, *, DBClusterIdentifier: str) -> dict[str, Any]:  # noqa: N803
        assert DBClusterIdentifier == "cluster-1"
        cluster = {"DBClusterArn": "arn:cluster-1", "DatabaseName": "tollgate", "MasterUsername": OWNER}
        return {"DBClusters": [cluster | self.secret]}

    def execute_statement(self, *, resourceArn: str, secretArn: str, database: str, sql: str) -> None:  # noqa: N803
        assert (resourceArn, secretArn, database) == ("arn:cluster-1", SECRET, "tollgate")
        if self.sleeps:
            self.sleeps -= 1
            raise ClientError({"Error": {"Code": "DatabaseResumingException"}}, "ExecuteStatement")
        with psycopg.connect(self.url, user=OWNER, autocommit=True) as connection:
            connection.execute(sql.encode())

    def owned(self, **physical: str) -> Deployed:
        return Deployed(client=self.client, physical=physical or {"DatabaseCluster": "cluster-1"})


@pytest.fixture
def aurora(new_database: Callable[[], str]) -> Iterator[Aurora]:
    url = new_database()
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(AURORA.encode())
        superuser.execute(f"ALTER DATABASE {name} OWNER TO {OWNER}".encode())
        yield Aurora(url)
        superuser.execute(f"ALTER DATABASE {name} OWNER TO CURRENT_USER".encode())
        superuser.execute(f"DROP OWNED BY {OWNER} CASCADE".encode())
        superuser.execute(NO_AURORA.encode())


def members_of_rds_iam(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT member::regrole::text FROM pg_auth_members WHERE roleid = 'rds_iam'::regrole AND member <> 'rds_superuser'::regrole"
        )
        return {str(name) for (name,) in found}


def test_the_first_user_is_asked_by_iam_afterwards(aurora: Aurora) -> None:
    assert members_of_rds_iam(aurora.url) == set()

    assert give_iam(aurora.owned()) == OWNER

    assert members_of_rds_iam(aurora.url) == {OWNER}


def test_then_it_migrates_without_a_superuser_s_rights_and_lets_every_role_in_by_iam(aurora: Aurora) -> None:
    give_iam(aurora.owned())

    with closing(Postgres(aurora.url, user=OWNER)) as postgres:
        migrate_database(migrations(), PostgresSchema(postgres))

    roles = {f"tollgate_{name}" for name in ("writer", "reader", "rollup", "books", "jobs")}
    assert members_of_rds_iam(aurora.url) == {OWNER} | roles


def test_an_aurora_that_sleeps_is_waited_for(aurora: Aurora) -> None:
    aurora.sleeps = 3

    assert give_iam(aurora.owned(), pause_s=0) == OWNER


def test_one_that_does_not_wake_up_is_told(aurora: Aurora) -> None:
    aurora.sleeps = 99

    with pytest.raises(StackError, match="does not wake up"):
        give_iam(aurora.owned(), pause_s=0)


def test_a_database_that_is_not_the_stack_s_is_left_alone(aurora: Aurora) -> None:
    with pytest.raises(StackError, match="no Aurora of its own"):
        give_iam(aurora.owned(Ledger="a table"))


def test_a_cluster_whose_password_rds_does_not_keep_is_told(aurora: Aurora) -> None:
    aurora.secret = {}

    with pytest.raises(StackError, match="keeps no password"):
        give_iam(aurora.owned())
